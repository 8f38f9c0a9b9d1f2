"""What a container has to be, from what the inventory says of a host."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from frontdoor.errors import Refused

OUTSIDE = "world"


@dataclass(frozen=True)
class Virtual:
    """A machine with a kernel of its own: megabytes of memory, and processors."""

    memory: int
    processors: int


@dataclass(frozen=True)
class Machine:
    """One machine of the lab: where it stands, and whom it asks for names and packages."""

    name: str
    address: str
    public_address: str = ""
    outside: bool = False
    resolvers: tuple[str, ...] = ()
    domain: str = ""
    sources: str = ""
    address6: str = ""
    public_address6: str = ""
    # Its card in the storage network, where it has one.
    storage_hardware_address: str = ""
    virtual: Virtual | None = None

    def legs(self) -> dict[str, str]:
        """Network name to address; eth0 is the first of them."""
        if self.outside:
            return {"internet": self.address}
        inside = {"campus": self.address}
        return {**inside, "internet": self.public_address} if self.public_address else inside

    def legs6(self) -> dict[str, str]:
        """The same for IPv6: only networks in which the machine has an address of that family too."""
        legs = {"internet": self.address6} if self.outside else {"campus": self.address6, "internet": self.public_address6}
        return {network: address for network, address in legs.items() if address and network in self.legs()}


def deb822(sources: list[Mapping[str, Any]]) -> str:
    """Debian source stanzas (sources.list(5)) from a list of uris, suites and components."""
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    stanzas = []
    for source in sources:
        words = {key: value if isinstance(value, str) else " ".join(value) for key, value in source.items()}
        stanzas.append(
            f"Types: deb\nURIs: {words['uris']}\nSuites: {words['suites']}\n"
            f"Components: {words.get('components', 'main')}\nSigned-By: {words.get('signed_by', keyring)}\n"
        )
    return "\n".join(stanzas)


def from_values(name: str, values: Mapping[str, Any], groups: Mapping[str, list[str]], everyone: Mapping[str, Any]) -> Machine:
    """A machine from what the inventory says of it (``values``) and of the name servers (``everyone``)."""
    outside = name in groups.get(OUTSIDE, [])
    address = str(values.get("address", ""))
    if not address:
        raise Refused(f"The inventory gives {name} no address.")
    IPv4Address(address)
    address6, public_address6 = (str(values.get(key, "")) for key in ("address6", "public_address6"))
    for given in filter(None, (address6, public_address6)):
        IPv6Address(given)
    card = str(values.get("storage_hardware_address", "")).lower()
    if card and not re.fullmatch("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", card):
        raise Refused(f"The inventory gives {name} a hardware address that is none: {card}.")
    shape = values.get("lab_virtual")
    # The world asks its own root, which it serves itself.
    resolvers = (
        ("127.0.0.1",)
        if outside
        else tuple(str(everyone[server]["address"]) for server in groups.get("dns", []) if "address" in everyone[server])
    )
    return Machine(
        name,
        address,
        "" if outside else str(values.get("public_address", "")),
        outside,
        resolvers,
        "" if outside else str((values.get("cluster_domains") or [""])[0]),
        deb822(values.get("base_apt_sources") or []),
        address6,
        "" if outside else public_address6,
        card,
        Virtual(int(shape["memory"]), int(shape["processors"])) if shape else None,
    )
