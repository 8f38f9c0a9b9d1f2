"""Filters that turn groups of the inventory into lists of machines."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any


def cluster_members(
    names: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], domain: str, ipv6: bool = True
) -> list[dict[str, str]]:
    """Describe the machines of a group as the inventory promises them.

    names: inventory names, in the order of the inventory. hostvars: Ansible's. domain: the cluster's domain. ipv6: whether the site
    uses the addresses of IPv6 that its inventory names.
    Returns one mapping a machine: name, fqdn, address, public_address (the address itself where there is no other), address6 and
    public_address6 (empty where there is none; a machine with another address for the internet has another one of IPv6 too, or none).
    Raises ValueError naming the host that has no address.
    """
    members = []
    for name in names:
        variables = hostvars[name]  # Ansible gathers them on each access
        address = variables.get("address")
        if not address:
            raise ValueError(f"host {name} has no address: give it one in the inventory, e.g. {name}: {{address: 192.0.2.10}}")
        address6, public_address6 = (_canonical(variables.get(key)) if ipv6 else "" for key in ("address6", "public_address6"))
        members.append(
            {
                "name": str(name),
                "fqdn": f"{name}.{domain}",
                "address": str(address),
                "public_address": str(variables.get("public_address", address)),
                "address6": address6,
                "public_address6": public_address6 or (address6 if "public_address" not in variables else ""),
            }
        )
    return members


def _canonical(address: str | None) -> str:
    """Write an address of IPv6 as everything that compares texts does (RFC 5952)."""
    return str(ipaddress.ip_address(address)) if address else ""


def cluster_addresses(machines: Iterable[Mapping[str, str]], public: bool = False) -> list[str]:
    """Name the addresses under which machines are met: IPv4 first, then IPv6 of those that have it.

    machines: as cluster_members describes them. public: also those that the internet knows.
    """
    machines = list(machines)
    wanted = ["address", "public_address", "address6", "public_address6"] if public else ["address", "address6"]
    return list(dict.fromkeys(machine[key] for key in wanted for machine in machines if machine.get(key)))


def cluster_stand_ins(names: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Say which machine runs under the name of which other one, as their value stand_in says (docs/failover.md).

    names: of mailstores, in the order of the inventory. hostvars: Ansible's.
    Returns name -> standby, nothing for names whose own machine runs them.
    Raises ValueError for a standby that is no machine of the inventory, or that two names have.
    """
    found: dict[str, str] = {}
    for name in names:
        standby = str(hostvars[name].get("stand_in") or "")
        if not standby:
            continue
        if standby not in hostvars:
            raise ValueError(f"{name} has the stand_in {standby}, which is no machine of the inventory")
        if standby in found.values():
            other = next(one for one, by in found.items() if by == standby)
            raise ValueError(f"{name} and {other} have the same stand_in {standby}: a machine can be only one of them")
        found[str(name)] = standby
    return found


def cluster_as_run(machines: Iterable[Mapping[str, str]], stand_ins: Mapping[str, str]) -> list[dict[str, str]]:
    """Say of machines where they are today, when standbys run some of them.

    machines: as cluster_members describes them, standbys among them. stand_ins: as cluster_stand_ins says.
    Returns the same in the same order; who stands in has given its addresses to the other name, and its own name to nobody.
    """
    machines = list(machines)
    known = {machine["name"]: machine for machine in machines}
    keys = ("address", "public_address", "address6", "public_address6")
    return [
        {**machine, **{key: known[stand_ins.get(machine["name"], machine["name"])][key] for key in keys}}
        for machine in machines
        if machine["name"] not in stand_ins.values()
    ]


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "cluster_addresses": cluster_addresses,
            "cluster_as_run": cluster_as_run,
            "cluster_members": cluster_members,
            "cluster_stand_ins": cluster_stand_ins,
        }
