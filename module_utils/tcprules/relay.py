"""The clients that may relay, as networks that do not overlap.

mynetworks takes any answer of a table for yes, so an exception inside a network cannot be a line of its own:
it is cut out of the network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from .variables import Policy

Network = ipaddress.IPv4Network
Span = tuple[int, int]


def relay_table(entries: Sequence[tuple[str, list[Network], Policy]]) -> str:
    """Write the table. entries: comment, networks and meaning of each rule, the one that decides first coming first."""
    lines: list[str] = []
    decided: list[Span] = []
    for comment, networks, policy in entries:
        spans = [(int(network.network_address), int(network.broadcast_address)) for network in networks]
        if policy.relay and not policy.refusal:
            left = [network for span in spans for network in _networks(span, decided)]
            lines.append(comment)
            lines += [f"{network}\tOK" for network in left]
        decided = _merge(decided, spans)
    return "".join(line + "\n" for line in lines)


def _merge(decided: list[Span], spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for first, last in sorted([*decided, *spans]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _networks(span: Span, decided: list[Span]) -> Iterator[Network]:
    position, end = span
    for first, last in decided:
        if last < position or first > end:
            continue
        if first > position:
            yield from _summarize(position, first - 1)
        position = max(position, last + 1)
    if position <= end:
        yield from _summarize(position, end)


def _summarize(first: int, last: int) -> Iterator[Network]:
    return ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))
