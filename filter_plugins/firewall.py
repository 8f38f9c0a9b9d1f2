"""Filters that turn what a machine offers into lines of nftables(8)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

ANYONE = "anyone"


def firewall_sources(networks: Iterable[str]) -> list[str]:
    """Match packets from networks or addresses of both families.

    Returns at most one expression for IPv4 and one for IPv6, in order and without what another network holds already, for nftables
    refuses overlapping elements.
    Raises ValueError naming what is neither an address nor a network.
    """
    parsed = []
    for text in networks:
        try:
            parsed.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is no address or network: {error}") from error
    expressions = []
    for keyword, version in (("ip", 4), ("ip6", 6)):
        family = sorted(
            {network for network in parsed if network.version == version},
            key=lambda network: (int(network.network_address), network.prefixlen),
        )
        kept: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for network in family:
            # Sorted, a network follows the one that holds it.
            if not kept or int(network.network_address) > int(kept[-1].broadcast_address):
                kept.append(network)
        texts = [str(network.network_address) if network.num_addresses == 1 else str(network) for network in kept]
        if texts:
            expressions.append(f"{keyword} saddr {{ {', '.join(texts)} }}")
    return expressions


def firewall_rules(offer: Mapping[str, Any]) -> list[str]:
    """Let in what a machine offers.

    offer: ports (numbers), protocols (default tcp), from (networks and addresses, or 'anyone').
    Returns rules, none when nobody may connect. Raises ValueError for a source that is no network.
    """
    if isinstance(offer["from"], str):
        if offer["from"] != ANYONE:
            raise ValueError(f"from: {offer['from']!r} has to be a list of networks or {ANYONE!r}")
        sources = [""]
    else:
        sources = [f"{source} " for source in firewall_sources(offer["from"])]
    ports = ", ".join(str(port) for port in sorted({int(port) for port in offer["ports"]}))
    return [f"{source}{protocol} dport {{ {ports} }} accept" for source in sources for protocol in offer.get("protocols", ["tcp"])]


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"firewall_rules": firewall_rules, "firewall_sources": firewall_sources}
