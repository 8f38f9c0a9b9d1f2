"""Tables in which any answer means yes: mynetworks, or the keywords that EHLO leaves out.

An exception inside a network cannot be a line of its own there: it is cut out of the network.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence

from .variables import Policy

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Span = tuple[int, int]
EVERYBODY: list[Network] = [ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0")]


def carved_table(entries: Sequence[tuple[str, list[Network], Policy]], holds: Callable[[Policy], bool], answer: str) -> str:
    """Write the networks of the rules for which something holds, none overlapping another.

    entries: comment, networks and meaning of each rule, the one that decides first coming first.
    """
    lines: list[str] = []
    decided: dict[int, list[Span]] = {4: [], 6: []}
    for comment, networks, policy in entries:
        spans = [(network.version, (int(network.network_address), int(network.broadcast_address))) for network in networks]
        if holds(policy) and not policy.refusal:
            left = [network for version, span in spans for network in _networks(span, decided[version], version)]
            lines.append(comment)
            lines += [f"{network}\t{answer}" for network in left]
        for version, known in decided.items():
            decided[version] = _merge(known, [span for family, span in spans if family == version])
    return "".join(line + "\n" for line in lines)


def _merge(decided: list[Span], spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for first, last in sorted([*decided, *spans]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _networks(span: Span, decided: list[Span], version: int) -> Iterator[Network]:
    position, end = span
    for first, last in decided:
        if last < position or first > end:
            continue
        if first > position:
            yield from _summarize(position, first - 1, version)
        position = max(position, last + 1)
    if position <= end:
        yield from _summarize(position, end, version)


def _summarize(first: int, last: int, version: int) -> Iterator[Network]:
    if version == 4:
        return ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))
    return ipaddress.summarize_address_range(ipaddress.IPv6Address(first), ipaddress.IPv6Address(last))
