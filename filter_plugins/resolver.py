"""Filters that the caching resolver's configuration is written with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def resolver_ancestors(zones: Iterable[str]) -> list[str]:
    """Name every reverse zone above the given ones, from which named(8) would answer out of its own empty zones (RFC 6303).

    zones: names without a dot at the end. Returns names below in-addr.arpa and ip6.arpa, each once, in a stable order.
    """
    names: dict[str, None] = {}
    for zone in zones:
        labels = zone.lower().rstrip(".").split(".")
        if labels[-2:] not in (["in-addr", "arpa"], ["ip6", "arpa"]):
            continue
        for first in range(1, len(labels) - 2):
            names[".".join(labels[first:])] = None
    return sorted(names)


def resolver_forwards(names: Iterable[str], servers: Iterable[str]) -> list[dict[str, Any]]:
    """Describe zones that the same servers answer for: name, servers, port. Without a server, none."""
    servers = list(servers)
    return [{"name": name, "servers": servers, "port": 53} for name in names] if servers else []


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"resolver_ancestors": resolver_ancestors, "resolver_forwards": resolver_forwards}
