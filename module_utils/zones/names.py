"""Addresses and names: what is seen from inside and from the internet, and which zone holds a name."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Machine = Mapping[str, str]
Record = dict[str, str]

# Addresses that mean nothing outside an organisation (RFC 1918, RFC 4193), so a public view does not tell them.
PRIVATE = tuple(ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))

# A character-string of a TXT record holds at most 255 octets (RFC 1035 section 3.3).
TXT_LENGTH = 255


def record(name: str, kind: str, value: str) -> Record:
    """Shape a record as zones hold them."""
    return {"name": name, "type": kind, "value": value}


def address_record(name: str, address: str) -> Record:
    """Shape the record of an address of either family."""
    return record(name, "A" if ipaddress.ip_address(address).version == 4 else "AAAA", address)


def quoted(text: str) -> str:
    """Write a text as character-strings of a zone file (RFC 1035 section 5.1)."""
    octets = text.encode()
    pieces = [octets[start : start + TXT_LENGTH] for start in range(0, len(octets), TXT_LENGTH)] or [b""]
    return " ".join('"' + "".join(_octet(octet) for octet in piece) + '"' for piece in pieces)


def _octet(octet: int) -> str:
    if octet in b'"\\':
        return "\\" + chr(octet)
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03}"


def order(address: str) -> tuple[int, int]:
    """Sort addresses as numbers, IPv4 first."""
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def is_private(address: str) -> bool:
    """Whether an address means nothing outside."""
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in PRIVATE if network.version == parsed.version)


def visible(machines: Iterable[Machine], public: bool = False) -> list[dict[str, Any]]:
    """Say under which addresses each machine is seen.

    machines: as cluster_members describes them. public: seen from the internet, where private addresses are left out.
    Returns name, fqdn and addresses of the machines that can be seen, in the order of their addresses, so that no set's order shows.
    """
    keys = ("public_address", "public_address6") if public else ("address", "address6")
    seen = []
    for machine in sorted(machines, key=lambda machine: order(machine["address"])):
        addresses = [address for key in keys if (address := machine.get(key)) and not (public and is_private(address))]
        # IPv6 alone would be told of machines that face no internet but have addresses that every network routes.
        if addresses and not (public and is_private(machine.get("public_address", machine["address"]))):
            seen.append({"name": machine["name"], "fqdn": machine["fqdn"], "addresses": addresses})
    return seen


def below(name: str, zone: str) -> str | None:
    """The name as written in the zone: relative, or @ for the zone itself; None when it is not in the zone."""
    if name == zone:
        return "@"
    return name.removesuffix(f".{zone}") if name.endswith(f".{zone}") else None


def zone_of(name: str, zones: Iterable[str]) -> str | None:
    """The zone that holds the name: the longest of those it is in, None when it is in none."""
    return max((zone for zone in zones if below(name, zone)), key=len, default=None)


def reverse_zones(networks: Iterable[str]) -> list[str]:
    """Name the reverse zones that cover networks, cut where in-addr.arpa and ip6.arpa can be cut: octets and nibbles.

    A network smaller than /24 is covered by the zone of its /24 (the owner of the rest is not told: RFC 2317 is for the parent).
    """
    names: dict[str, None] = {}
    for text in networks:
        network = ipaddress.ip_network(text)
        bits = 8 if network.version == 4 else 4
        length = min(-(-network.prefixlen // bits) * bits or bits, 24 if network.version == 4 else 124)
        parts = network.subnets(new_prefix=length) if length >= network.prefixlen else [network.supernet(new_prefix=length)]
        for part in parts:
            labels = part.network_address.reverse_pointer.split(".")
            host_labels = (part.max_prefixlen - length) // bits
            names[".".join(labels[host_labels:])] = None
    return list(names)


def domain_zones(domains: Sequence[str], collapsed_domains: Iterable[str] = ()) -> list[str]:
    """Name the zones of mail domains: each domain, and each further name that is not below one of them."""
    return [*domains, *(name for name in collapsed_domains if all(below(name, domain) is None for domain in domains))]


def zone_names(
    domains: Sequence[str],
    collapsed_domains: Iterable[str] = (),
    reverse_networks: Iterable[str] = (),
    extra_zones: Iterable[Mapping[str, Any]] = (),
) -> list[str]:
    """Name every zone of a view, as zones() makes them."""
    names = [*domain_zones(domains, collapsed_domains), *(zone["name"] for zone in extra_zones), *reverse_zones(reverse_networks)]
    return list(dict.fromkeys(names))
