"""Filters that turn the inventory into zones, and zones into the files that named(8) reads."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Machine = Mapping[str, str]
Record = dict[str, str]
Zone = dict[str, Any]

# Addresses that mean nothing outside an organisation (RFC 1918, RFC 4193), so a public view does not tell them.
PRIVATE = tuple(ipaddress.ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))

# A character-string of a TXT record holds at most 255 octets (RFC 1035 section 3.3).
TXT_LENGTH = 255


def _record(name: str, kind: str, value: str) -> Record:
    return {"name": name, "type": kind, "value": value}


def _address_record(name: str, address: str) -> Record:
    return _record(name, "A" if ipaddress.ip_address(address).version == 4 else "AAAA", address)


def _quoted(text: str) -> str:
    """Write a text as character-strings of a zone file."""
    pieces = [text[start : start + TXT_LENGTH] for start in range(0, len(text), TXT_LENGTH)] or [""]
    return " ".join('"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)


def _order(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def dns_visible(machines: Iterable[Machine], public: bool = False) -> list[dict[str, str]]:
    """Say under which address each machine is seen.

    machines: as cluster_members describes them. public: seen from the internet, where private addresses are left out.
    Returns name, fqdn and address of the machines that can be seen, in the order of their addresses, so that no set's order shows.
    """
    seen = []
    for machine in sorted(machines, key=lambda machine: _order(machine["address"])):
        address = machine.get("public_address", machine["address"]) if public else machine["address"]
        parsed = ipaddress.ip_address(address)
        if public and any(parsed in network for network in PRIVATE if network.version == parsed.version):
            continue
        seen.append({"name": machine["name"], "fqdn": machine["fqdn"], "address": address})
    return seen


def dns_reverse_zones(networks: Iterable[str]) -> list[str]:
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


def _below(name: str, zone: str) -> str | None:
    """The name as written in the zone: relative, or @ for the zone itself; None when it is not in the zone."""
    if name == zone:
        return "@"
    return name.removesuffix(f".{zone}") if name.endswith(f".{zone}") else None


def _zone_of(name: str, zones: Iterable[str]) -> str:
    """The zone that holds the name: the longest of those it is in."""
    return max((zone for zone in zones if _below(name, zone)), key=len)


def dns_zones(
    machines: Iterable[Machine],
    domains: Sequence[str],
    name_servers: Iterable[Machine],
    exchangers: Iterable[Machine],
    services: Iterable[Mapping[str, Any]],
    collapsed_domains: Iterable[str] = (),
    reverse_networks: Iterable[str] = (),
    extra_zones: Iterable[Mapping[str, Any]] = (),
    secondaries: Iterable[str] = (),
    public: bool = False,
) -> list[Zone]:
    """Make the zones of one view.

    machines, name_servers, exchangers: as cluster_members describes them. domains: mail domains, the first is the machines'.
    services: short names and the machines that serve under them (names, machines). collapsed_domains: further names that take mail.
    reverse_networks: whose PTR records are ours. extra_zones: zones given as name and records (name, type, value).
    secondaries: names of name servers elsewhere that take the zones from ours. public: as for dns_visible.
    Returns zones: name and records (name, type, value), each in a stable order.
    """
    machines = list(machines)
    seen = dns_visible(machines, public)
    delegation = [_record("@", "NS", f"{server['fqdn']}.") for server in dns_visible(name_servers, public)]
    delegation += [_record("@", "NS", f"{name}.") for name in secondaries]
    mail = [("MX", f"10 {exchanger['fqdn']}.") for exchanger in dns_visible(exchangers, public)]
    extra = [{"name": zone["name"], "records": [dict(record) for record in zone["records"]]} for zone in extra_zones]
    names = [*domains]
    names += [name for name in collapsed_domains if all(_below(name, domain) is None for domain in domains)]
    zones: list[Zone] = []
    for zone in names:
        takes_mail = [below for name in (*domains, *collapsed_domains) if _zone_of(name, names) == zone and (below := _below(name, zone))]
        records = list(delegation)
        for below in takes_mail:
            records += [_record(below, kind, value) for kind, value in mail]
            # What leaves the cluster leaves by its exchangers (RFC 7208).
            records.append(_record(below, "TXT", "v=spf1 mx -all"))
        if zone == domains[0]:
            for machine in seen:
                records.append(_address_record(machine["name"], machine["address"]))
                if machine["name"] not in takes_mail:
                    # For its greeting: RFC 7208 section 2.3 checks HELO names too.
                    records.append(_record(machine["name"], "TXT", "v=spf1 a -all"))
            for service in services:
                servers = dns_visible(service["machines"], public)
                records += [_address_record(name, server["address"]) for name in service["names"] for server in servers]
        # Zones of ours below this one are delegated to ourselves, so that whoever walks down from the root finds them.
        below_this = [below for name in (*names, *(zone["name"] for zone in extra)) if (below := _below(name, zone)) not in (None, "@")]
        records += [_record(below, "NS", record["value"]) for below in below_this for record in delegation]
        zones.append({"name": zone, "records": records})
    zones += [{"name": zone["name"], "records": delegation + zone["records"]} for zone in extra]
    # Inside, both addresses of a machine have its name; outside, only the one that is told.
    legs = seen if public else seen + dns_visible(machines, public=True)
    return zones + _reverse(legs, extra, delegation, dns_reverse_zones(reverse_networks))


def _reverse(seen: Iterable[Machine], extra: Iterable[Zone], delegation: list[Record], reverse_zones: Iterable[str]) -> list[Zone]:
    """Make the reverse zones: every address has one name, a machine's or the first one an extra zone gives it."""
    pointers = {ipaddress.ip_address(machine["address"]): machine["fqdn"] for machine in seen}
    for zone in extra:
        for record in zone["records"]:
            if record["type"] in ("A", "AAAA"):
                name = zone["name"] if record["name"] == "@" else f"{record['name']}.{zone['name']}"
                pointers.setdefault(ipaddress.ip_address(record["value"]), name)
    zones = []
    for zone_name in reverse_zones:
        records = list(delegation)
        for address in sorted(pointers, key=lambda address: _order(str(address))):
            below = _below(address.reverse_pointer, zone_name)
            if below is not None:
                records.append(_record(below, "PTR", f"{pointers[address]}."))
        zones.append({"name": zone_name, "records": records})
    return zones


def dns_zone_file(zone: Zone, primary: str, hostmaster: str, ttl: int = 3600, negative_ttl: int = 300) -> str:
    """Write a zone as a master file (RFC 1035 section 5) with serial 0: the machine numbers it when it publishes it.

    primary: the SOA's first name server. hostmaster: a mail address. ttl, negative_ttl: seconds (RFC 2308).
    """
    local, _, domain = hostmaster.partition("@")
    mailbox = local.replace(".", "\\.") + "." + domain
    lines = [
        "; Posthouse: role dns. Changes here are undone by the next run.",
        f"$ORIGIN {zone['name'].rstrip('.')}.",
        f"$TTL {ttl}",
        f"@ IN SOA {primary}. {mailbox}. (",
        "    0 ; serial",
        "    3600 ; refresh",
        "    900 ; retry",
        "    1209600 ; expire",
        f"    {negative_ttl} ) ; negative answers",
    ]
    for record in zone["records"]:
        value = _quoted(record["value"]) if record["type"] == "TXT" else record["value"]
        lines.append(f"{record['name']} IN {record['type']} {value}")
    return "\n".join(lines) + "\n"


def dns_zone_files(
    views: Iterable[Mapping[str, Any]], directory: str, primary: str, hostmaster: str, ttl: int = 3600, negative_ttl: int = 300
) -> dict[str, str]:
    """Write the zones of all views: path below the directory -> content."""
    return {
        f"{directory}/{view['name']}/{dns_file_name(zone['name'])}": dns_zone_file(zone, primary, hostmaster, ttl, negative_ttl)
        for view in views
        for zone in view["zones"]
    }


def dns_file_name(zone: str) -> str:
    """Name the file of a zone; the root's has a name of its own."""
    return zone.rstrip(".") or "root"


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "dns_file_name": dns_file_name,
            "dns_reverse_zones": dns_reverse_zones,
            "dns_visible": dns_visible,
            "dns_zone_files": dns_zone_files,
            "dns_zones": dns_zones,
        }
