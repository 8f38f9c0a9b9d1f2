"""Filters that write Postfix tables."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any


def pcre_rule(pattern: str, result: str) -> str:
    """Write one line of a pcre_table(5): who matches the pattern gets the result.

    pattern: a regular expression; a leading ``!`` inverts it, as in the JMS patch's pattern files. result: an access(5) action.
    Raises ValueError naming a pattern that is no regular expression or would break the line.
    """
    negated, expression = ("!", pattern[1:]) if pattern.startswith("!") else ("", pattern)
    if not expression.strip() or "\n" in expression:
        raise ValueError(f"{pattern!r} is no pattern: give one regular expression, on one line")
    try:
        re.compile(expression)
    except re.error as fault:
        raise ValueError(f"{pattern!r} is no regular expression: {fault}") from fault
    delimited = re.sub(r"(?<!\\)((?:\\\\)*)/", r"\1\\/", expression)
    return f"{negated}/{delimited}/ {result}"


def postfix_network(text: str) -> str:
    """Write an address or network for a list of Postfix, where IPv6 stands in brackets (postconf(5) mynetworks).

    Bare, its colons would make it the name of a table. Raises ValueError for what is neither.
    """
    network = ipaddress.ip_network(text)
    shown = str(network.network_address) if network.num_addresses == 1 else str(network)
    if network.version == 4:
        return shown
    address, slash, length = shown.partition("/")
    return f"[{address}]{slash}{length}"


def postscreen_site(listed: Mapping[str, Any]) -> str:
    """Write one item of postscreen_dnsbl_sites (postconf(5)).

    listed: zone, and answers and weight if it has any. Raises ValueError for a weight that postscreen does not know.
    """
    given = listed.get("weight")
    weight = 1 if given is None else int(given)
    if not -99 <= weight <= 99:
        raise ValueError(f"{listed['zone']}: the weight {weight} is not between -99 and 99")
    answers = f"={listed['answers']}" if listed.get("answers") else ""
    return f"{listed['zone']}{answers}*{weight}"


def pcre_loosely(text: str) -> str:
    """Match a text in a pcre_table(5), also where a quoted-string writes characters with a backslash that needs none (RFC 5322, 3.2.1).

    text: what is meant, a domain for instance. Returns an expression without groups.
    """
    return "".join(r"\\?" + re.escape(character) for character in text)


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {
            "pcre_loosely": pcre_loosely,
            "pcre_rule": pcre_rule,
            "postfix_network": postfix_network,
            "postscreen_site": postscreen_site,
        }
