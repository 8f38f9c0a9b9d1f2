"""Filters that turn the inventory into zones, and zones into the files that named(8) reads."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Ansible gives a filter no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from module_utils.zones import mail, names  # noqa: E402  after the path is known

Machine = names.Machine
Record = names.Record
Zone = dict[str, Any]


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
    records: Iterable[Record] = (),
    signers: Mapping[str, Sequence[str]] | None = None,
    public: bool = False,
    moving: Mapping[str, int] | None = None,
) -> list[Zone]:
    """Make the zones of one view.

    machines, name_servers, exchangers: as cluster_members describes them. domains: mail domains, the first is the machines'.
    services: short names and the machines that serve under them (names, machines). collapsed_domains: further names that take mail.
    reverse_networks: whose PTR records are ours. extra_zones: zones given as name and records (name, type, value).
    secondaries: names of name servers elsewhere that take the zones from ours. records: further records with full names.
    signers: zone -> data of DS records for it, which zones of ours above it hold. public: as for names.visible.
    moving: machine -> seconds that others may remember its addresses, for those that may be elsewhere soon; the zone's time for all others.
    Returns zones: name and records (name, type, value), each in a stable order.
    Raises ValueError for a record whose name is in none of the zones.
    """
    machines = list(machines)
    seen = names.visible(machines, public)
    delegation = [names.record("@", "NS", f"{server['fqdn']}.") for server in names.visible(name_servers, public)]
    delegation += [names.record("@", "NS", f"{name}.") for name in secondaries]
    extra = [{"name": zone["name"], "records": [dict(one) for one in zone["records"]]} for zone in extra_zones]
    reverse = names.reverse_zones(reverse_networks)
    own = names.domain_zones(domains, collapsed_domains)
    # Inside, both addresses of a machine have its name; outside, only the one that is told.
    legs = seen if public else seen + names.visible(machines, public=True)

    made = {name: list(delegation) for name in dict.fromkeys([*own, *(zone["name"] for zone in extra), *reverse])}
    _place(made, _exchange((*domains, *collapsed_domains), names.visible(exchangers, public)))
    _place(made, _addresses(seen, services, domains[0], public, moving or {}))
    for zone in extra:
        made[zone["name"]] += zone["records"]
    _place(made, records)
    for zone in made:
        # Zones of ours below another one are delegated to ourselves, so that whoever walks down from the root finds them.
        above = names.zone_of(zone, [other for other in made if other != zone])
        if above:
            below = names.below(zone, above) or "@"
            made[above] += [names.record(below, "NS", one["value"]) for one in delegation]
            made[above] += [names.record(below, "DS", data) for data in (signers or {}).get(zone, ())]
    _place(made, _pointers(legs, extra, reverse))
    return [{"name": name, "records": records} for name, records in made.items()]


def _place(zones: Mapping[str, list[Record]], records: Iterable[Record]) -> None:
    """Put records with full names into the zones that hold them."""
    for one in records:
        zone = names.zone_of(one["name"], zones)
        if zone is None:
            raise ValueError(f"the record {one['name']} {one['type']} is in none of the zones {', '.join(zones)}")
        below = names.below(one["name"], zone)
        zones[zone].append({**one, "name": below or "@"})


def _exchange(domains: Iterable[str], exchangers: Iterable[Machine]) -> list[Record]:
    exchangers = list(exchangers)
    return [names.record(domain, "MX", f"10 {exchanger['fqdn']}.") for domain in domains for exchanger in exchangers]


def _addresses(
    seen: Iterable[Mapping[str, Any]], services: Iterable[Mapping[str, Any]], domain: str, public: bool, moving: Mapping[str, int]
) -> list[Record]:
    """Addresses of machines under their own names, and under those of what they serve: all of them, so that clients share them out."""
    found = [
        names.address_record(machine["fqdn"], address) | ({"ttl": str(moving[machine["name"]])} if machine["name"] in moving else {})
        for machine in seen
        for address in machine["addresses"]
    ]
    for service in services:
        servers = names.visible(service["machines"], public)
        for name in service["names"]:
            found += [names.address_record(f"{name}.{domain}", address) for server in servers for address in server["addresses"]]
    return found


def _pointers(seen: Iterable[Mapping[str, Any]], extra: Iterable[Zone], zones: Sequence[str]) -> list[Record]:
    """Point back: every address has one name, a machine's or the first one an extra zone gives it."""
    pointers = {ipaddress.ip_address(address): str(machine["fqdn"]) for machine in seen for address in machine["addresses"]}
    for zone in extra:
        for one in zone["records"]:
            if one["type"] in ("A", "AAAA"):
                name = zone["name"] if one["name"] == "@" else f"{one['name']}.{zone['name']}"
                pointers.setdefault(ipaddress.ip_address(one["value"]), name)
    addresses = sorted(pointers, key=lambda address: names.order(str(address)))
    found = [names.record(address.reverse_pointer, "PTR", f"{pointers[address]}.") for address in addresses]
    return [one for one in found if names.zone_of(one["name"], zones)]


def dns_zone_file(zone: Zone, primary: str, hostmaster: str, ttl: int = 3600, negative_ttl: int = 300) -> str:
    """Write a zone as a master file (RFC 1035 section 5) with serial 0: the machine numbers it when it publishes it.

    primary: the SOA's first name server. hostmaster: a mail address. ttl, negative_ttl: seconds (RFC 2308).
    Raises ValueError for data that would not stay on its line.
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
    for one in zone["records"]:
        value = names.quoted(one["value"]) if one["type"] == "TXT" else one["value"]
        if "\n" in value or "\n" in one["name"]:
            raise ValueError(f"{zone['name']}: the record {one['name']!r} {one['type']} has a line end in it")
        lines.append(" ".join(filter(None, [one["name"], one.get("ttl", ""), "IN", one["type"], value])))
    return "\n".join(lines) + "\n"


def dns_zone_files(
    views: Iterable[Mapping[str, Any]], directory: str, primary: str, hostmaster: str, ttl: int = 3600, negative_ttl: int = 300
) -> dict[str, str]:
    """Write the zones of views: path below the directory -> content."""
    return {
        f"{directory}/{view['name']}/{dns_file_name(zone['name'])}": dns_zone_file(zone, primary, hostmaster, ttl, negative_ttl)
        for view in views
        for zone in view["zones"]
    }


def dns_file_name(zone: str) -> str:
    """Name the file of a zone; the root's has a name of its own."""
    return zone.rstrip(".") or "root"


def dns_in_view(records: Iterable[Mapping[str, str]], view: str) -> list[Record]:
    """Pick records for a view: those that name it, and those that name none. Returns them as name, type and value."""
    return [names.record(one["name"], one["type"], one["value"]) for one in records if one.get("view", view) == view]


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "dns_file_name": dns_file_name,
            "dns_in_view": dns_in_view,
            "dns_mail_records": mail.mail_records,
            "dns_reverse_zones": names.reverse_zones,
            "dns_visible": names.visible,
            "dns_zone_files": dns_zone_files,
            "dns_zone_names": names.zone_names,
            "dns_zones": dns_zones,
        }
