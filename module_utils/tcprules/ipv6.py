"""Rules for addresses of IPv6, which tcprules has no words for: a page of their own, for Postfix alone.

A rule is written as tcprules writes it, with an address or a network of IPv6 in front: `2001:db8::/32:allow,RBLSMTPD=""`. The longest
prefix decides, a rule inherits nothing, and whoever is in none of these networks gets the default rule of the page of tcprules.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import replace

from .lint import Finding, LintError
from .syntax import Rule, RuleError, bytes_of, lines_of, parse_line, printable, text_of

Network = ipaddress.IPv6Network

#: Registries give nobody more than this (RFC 7020; the largest allocations are /19), so a shorter prefix is other people's too.
SHORTEST_RELAYING = 19
_LINE = re.compile(r"(?P<address>.*?):(?P<rest>(?:allow|deny)\b.*)", re.DOTALL)
_MAPPED = Network("::ffff:0:0/96")


def rules6(text: str | bytes) -> list[tuple[Rule, Network]]:
    """Read the page. Raises LintError with every line that cannot be read or would mean something else than it says."""
    found: list[tuple[Rule, Network]] = []
    findings: list[Finding] = []
    seen: dict[Network, int] = {}
    for number, line in lines_of(text):
        shown = printable(line)
        try:
            rule, network = _read(number, line)
        except RuleError as error:
            findings.append(Finding(number, shown, error.problem, 'write ADDRESS/LENGTH:allow or :deny, then ,NAME="VALUE" without blanks'))
            continue
        except ValueError as error:
            problem, _, remedy = str(error).rpartition("; ")
            findings.append(Finding(number, shown, problem, remedy))
            continue
        if network in seen:
            findings.append(Finding(number, shown, f"line {seen[network]} has said already what happens to {network}", "keep one of them"))
        seen.setdefault(network, number)
        names = [name for name, _ in rule.variables]
        twice = {name for name in names if names.count(name) > 1}
        findings += [Finding(number, shown, f"{printable(name)} is set twice", "keep one of them") for name in twice]
        if "RELAYCLIENT" in rule.environment and not rule.deny and network.prefixlen < SHORTEST_RELAYING:
            findings.append(Finding(number, shown, f"RELAYCLIENT for {network} is an open relay", "name the networks that may relay"))
        found.append((rule, network))
    if findings:
        raise LintError(findings)
    # The longest prefix first: a cidr table takes the first line that matches.
    return sorted(found, key=lambda pair: (-pair[1].prefixlen, pair[0].line))


def _read(number: int, line: bytes) -> tuple[Rule, Network]:
    match = _LINE.fullmatch(text_of(line))
    if not match:
        raise RuleError(number, line, "no :allow and no :deny follows an address")
    address = match["address"].strip("[]")
    try:
        network = ipaddress.ip_network(address)
    except ValueError as error:
        raise ValueError(_why(address, error)) from error
    if not isinstance(network, Network):
        raise ValueError(f"{address} is an address of IPv4; write it on the page of tcprules")  # noqa: TRY004  a fault of a text
    if network.subnet_of(_MAPPED):
        raise ValueError("addresses of IPv4 in IPv6 are looked up as IPv4; write them on the page of tcprules")
    rule = parse_line(number, b":" + bytes_of(match["rest"]))
    assert rule is not None, "a line with a colon is a rule"
    return replace(rule, text=line, address=bytes_of(str(network))), network


def _why(address: str, error: ValueError) -> str:
    """What is wrong with an address, and what to write."""
    if not address:
        return "the default rule stands on the page of tcprules and holds for both families; take it out here"
    try:
        whole = ipaddress.ip_network(address, strict=False)
    except ValueError:
        return f"{error}; write an address or a network of IPv6, e.g. 2001:db8::/32"
    return f"{address} has bits beyond its prefix; write {whole}"
