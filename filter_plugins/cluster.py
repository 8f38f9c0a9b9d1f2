"""Filters that turn groups of the inventory into lists of machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def cluster_members(names: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], domain: str) -> list[dict[str, str]]:
    """Describe the machines of a group as the inventory promises them.

    names: inventory names, in the order of the inventory. hostvars: Ansible's. domain: the cluster's domain.
    Returns one mapping a machine: name, fqdn, address, public_address (the address itself where there is no other).
    Raises ValueError naming the host that has no address.
    """
    members = []
    for name in names:
        variables = hostvars[name]  # Ansible gathers them on each access
        address = variables.get("address")
        if not address:
            raise ValueError(f"host {name} has no address: give it one in the inventory, e.g. {name}: {{address: 192.0.2.10}}")
        members.append(
            {
                "name": str(name),
                "fqdn": f"{name}.{domain}",
                "address": str(address),
                "public_address": str(variables.get("public_address", address)),
            }
        )
    return members


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"cluster_members": cluster_members}
