"""Filters that turn the inventory's people and the wiring's identities into entries of the directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_NAMING_ATTRIBUTES = ("uid", "cn", "ou")


def directory_entries(objects: Iterable[Mapping[str, Any]], branch: str, defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give every object its place under a branch, and what objects of this kind have in common.

    objects: attributes by name; one of uid, cn, ou names the entry, unless it says its dn itself.
    branch: DN of the parent. defaults: attributes of those objects that do not give their own; None leaves one out.
    Returns new mappings. Raises ValueError for an object without a name.
    """
    common = {name: value for name, value in defaults.items() if value is not None}
    entries = []
    for entry in objects:
        naming = next((name for name in _NAMING_ATTRIBUTES if entry.get(name)), None)
        if naming is None and not entry.get("dn"):
            raise ValueError(f"an object for {branch} has none of {', '.join(_NAMING_ATTRIBUTES)}: {', '.join(sorted(entry))}")
        entries.append({"dn": f"{naming}={entry.get(naming or '')},{branch}", **common, **entry})
    return entries


def directory_services(identities: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Turn identities (name, password, rights) into the entries they bind as: cn and userPassword; rights are slapd's configuration."""
    return [{"cn": identity["name"], "userPassword": identity["password"]} for identity in identities]


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"directory_entries": directory_entries, "directory_services": directory_services}
