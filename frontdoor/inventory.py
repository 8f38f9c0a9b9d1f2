"""Read the lab's machines from its inventory, which is literal so that every tool can."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import yaml

from frontdoor import paths
from frontdoor.errors import Refused

OUTSIDE = "internet"


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

    def legs(self) -> dict[str, str]:
        """Network name to address; eth0 is the first of them."""
        if self.outside:
            return {"internet": self.address}
        inside = {"campus": self.address}
        return {**inside, "internet": self.public_address} if self.public_address else inside


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


def _walk(groups: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, Any], tuple[str, ...]]]:
    for group, body in groups.items():
        here = (*above, group)
        for host, values in ((body or {}).get("hosts") or {}).items():
            yield host, values or {}, here
        yield from _walk((body or {}).get("children") or {}, here)


def from_values(name: str, values: Mapping[str, Any], groups: Mapping[str, list[str]], everyone: Mapping[str, Any]) -> Machine:
    """A machine from what the inventory says of it (``values``) and of the name servers (``everyone``)."""
    outside = name in groups.get(OUTSIDE, [])
    address = str(values.get("address", ""))
    if not address:
        raise Refused(f"The inventory gives {name} no address.")
    IPv4Address(address)
    leg = "public_address" if outside else "address"
    resolvers = tuple(str(everyone[server][leg]) for server in groups.get("dns", []) if leg in everyone[server])
    return Machine(
        name,
        address,
        "" if outside else str(values.get("public_address", "")),
        outside,
        resolvers,
        "" if outside else str((values.get("cluster_domains") or [""])[0]),
        deb822(values.get("base_apt_sources") or []),
    )


def machines(folder: Path = paths.INVENTORY) -> list[Machine]:
    """Every machine that ``hosts.yml`` names, in its order; values of group_vars are left to Ansible."""
    text = yaml.safe_load((folder / "hosts.yml").read_text())
    everyone: dict[str, Mapping[str, Any]] = {}
    groups: dict[str, list[str]] = {}
    for host, values, chain in _walk(text, ()):
        everyone.setdefault(host, values)
        for group in chain:
            if host not in groups.setdefault(group, []):
                groups[group].append(host)
    return [from_values(host, values, groups, everyone) for host, values in everyone.items()]
