"""Rules about host names. Only smtpd knows a client's name, and only to refuse by it is safe.

A name comes from the client's own reverse zone, unverified, as with tcpserver without -p. So a name never earns
anything: RELAYCLIENT or RBLSMTPD="" by name would be for whoever writes that name into a zone.
"""

from __future__ import annotations

from collections.abc import Sequence

from .lint import Finding
from .syntax import Rule, printable, text_of
from .variables import Policy

Meaning = tuple[Rule, Policy]
#: smtpd asks a name table for the client's name, then for its address; the name of a client without one is unknown.
_GUARD = "/^unknown$/\tDUNNO\n/^[0-9.]+$/\tDUNNO\n/:/\tDUNNO\n"


def name_faults(names: Sequence[Meaning], rules: Sequence[Meaning]) -> tuple[list[Finding], list[str]]:
    """Find rules about names that Postfix cannot honour, and write notes about those it honours in part.

    rules: all of them, those about names among them.
    """
    by_address = [meaning for meaning in rules if not meaning[0].address.startswith(b"=")]
    findings: list[Finding] = []
    notes: list[str] = []
    for rule, policy in names:
        shown = printable(rule.text)
        refused = [other for other, meaning in by_address if meaning.refusal and not policy.refusal and _beats(rule, other)]
        if not rule.deny and set(rule.environment) - ({"RBLSMTPD"} if policy.refusal else set()):
            problem = "a name is whatever the client's own zone says, and postscreen knows none: Postfix sets nothing by it"
            findings.append(Finding(rule.line, shown, problem, "name the addresses"))
        elif any(other.address == b"" for other in refused):
            problem = "the default rule refuses before the client's name is known"
            findings.append(Finding(rule.line, shown, problem, "name the addresses"))
        elif refused:
            lines = ", ".join(str(other.line) for other in refused)
            notes.append(
                f"line {rule.line}: {shown}: a client in a network that is refused (line {lines}) stays refused whatever its name is"
            )
    return findings, notes


def _beats(rule: Rule, other: Rule) -> bool:
    """Say whether a rule about a name comes before one about an address: =host before a prefix, all before the default."""
    return other.address == b"" or (_is_host(rule) and other.address.endswith(b"."))


def _is_host(rule: Rule) -> bool:
    return rule.address != b"=" and not rule.address.startswith(b"=.")


def name_tables(names: Sequence[Meaning]) -> dict[str, str]:
    """Write both tables: hosts.regexp for clients of a network with a rule of its own, names.regexp for all others."""
    hosts = [meaning for meaning in names if _is_host(meaning[0])]
    others = [meaning for meaning in names if not _is_host(meaning[0])]
    # The longest suffix first; = is the shortest.
    others.sort(key=lambda meaning: (-len(meaning[0].address), meaning[0].line))
    return {"hosts.regexp": _GUARD + _lines(hosts), "names.regexp": _GUARD + _lines(hosts) + _lines(others)}


def _lines(meanings: Sequence[Meaning]) -> str:
    lines = []
    for rule, policy in meanings:
        lines += [f"# line {rule.line}: {printable(rule.text)}", f"{_pattern(rule)}\t{policy.refusal or 'DUNNO'}"]
    return "".join(line + "\n" for line in lines)


def _pattern(rule: Rule) -> str:
    # A name that lint lets pass holds letters, digits, dots, hyphens and underscores only.
    name = text_of(rule.address[1:]).replace(".", "\\.")
    if not name:
        return "/./"
    return f"/{name}$/" if name.startswith("\\.") else f"/^{name}$/"
