"""Compile rules into Postfix tables: one table a question, each answered for every address.

tcprules takes the longest prefix; a cidr table takes the first line that matches. So the tables list whole
addresses first, then prefixes of three, two and one numbers, then networks of IPv6 (ipv6.py), of which
tcprules knows nothing, the longest prefix first, then the default rule, for both families.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .carve import EVERYBODY, carved_table
from .ipv6 import rules6
from .lint import Finding, LintError, accepted
from .names import name_faults, name_tables
from .syntax import Rule, printable, text_of
from .variables import Policy, VariableError, policy, server_conflicts, server_notes, server_values

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HEADING = "# Posthouse: made from tcprules. Changes here are undone by the next run.\n"
#: Tables that answer check_client_access with a restriction for the clients it holds for, DUNNO for others.
_ASPECTS: dict[str, tuple[str, Callable[[Policy], bool]]] = {
    "recipients.cidr": ("tcprules_recipients", lambda rule: rule.checks_recipients),
    "badhelo.cidr": ("tcprules_badhelo", lambda rule: rule.check_helo),
    "sender_domain.cidr": ("reject_unknown_sender_domain", lambda rule: rule.check_sender_domain),
    "tls.cidr": ("reject_plaintext_session", lambda rule: rule.require_tls),
}


@dataclass(slots=True)
class Entry:
    """A rule with its meaning. networks is empty for the default rule and for rules about names."""

    rule: Rule
    policy: Policy
    networks: list[Network] = field(default_factory=list)
    #: How many numbers of the address the rule names: 4 for a whole address (of IPv6 too), 0 for the default rule.
    numbers: int = 0

    @property
    def comment(self) -> str:
        """Say where the lines below come from."""
        return f"# line {self.rule.line}: {printable(self.rule.text)}"


@dataclass(frozen=True, slots=True)
class Compiled:
    """Tables by file name, parameters of main.cf, and notes for the operator."""

    tables: dict[str, str]
    main_cf: dict[str, str]
    notes: list[str]


def compile_rules(text: str | bytes, discarded: str = "silent-discard", text6: str | bytes = "") -> Compiled:
    """Compile rules. Raises LintError with every line that tcprules or Postfix cannot honour.

    text6: rules for networks of IPv6 (ipv6.py). discarded: what smtpd_discard_ehlo_keywords leaves out for everybody; ehlo.cidr answers
    instead of it, not besides.
    """
    rules, warnings = accepted(text)
    findings: list[Finding] = []
    notes = [str(warning) for warning in warnings]
    entries = [entry for entry in (_entry(rule, findings) for rule in rules) if entry]
    entries6 = [entry for entry in (_entry6(rule, network, findings) for rule, network in rules6(text6)) if entry]
    default = next((entry for entry in entries if entry.rule.address == b""), None)
    usual = default.rule.environment if default and not default.rule.deny else {}
    # Without a default rule that can be read, nothing can be compared with it.
    if default or all(rule.address for rule in rules):
        for entry in entries + entries6:
            _server_faults(entry, usual, findings, notes)
    names = [(entry.rule, entry.policy) for entry in entries if entry.rule.address.startswith(b"=")]
    named, partly = name_faults(names, [(entry.rule, entry.policy) for entry in entries])
    findings += named
    notes += partly
    if findings:
        raise LintError(sorted(findings, key=lambda finding: finding.line))
    by_address = sorted((entry for entry in entries if entry.networks), key=lambda entry: (-entry.numbers, entry.rule.line))
    tables = _tables(by_address + entries6, default, bool(names), discarded)
    tables |= name_tables(names)
    tables = {name: f"{_HEADING}{body}" for name, body in sorted(tables.items())}
    return Compiled(tables, server_values(usual) | _tls_level(default, by_address + entries6), notes)


def _tls_level(default: Entry | None, entries: list[Entry]) -> dict[str, str]:
    """Where nobody gets TLS the server need not load a certificate; where some do, ehlo.cidr hides it from the others."""
    admitted = [entry.policy for entry in entries if not entry.policy.refusal]
    nobody = default is not None and all(meaning.deny_tls for meaning in (default.policy, *admitted))
    return {"smtpd_tls_security_level": "none"} if nobody else {}


def _entry6(rule: Rule, network: ipaddress.IPv6Network, findings: list[Finding]) -> Entry | None:
    meaning = _meaning(rule, findings)
    return Entry(rule, meaning, [network], 4 if network.prefixlen == 128 else 3) if meaning else None


def _meaning(rule: Rule, findings: list[Finding]) -> Policy | None:
    try:
        meaning = policy(rule.deny, rule.environment)
        for name, value in rule.environment.items() if not rule.deny else ():
            server_values({name: value})
    except VariableError as error:
        problem, _, remedy = str(error).rpartition("; ")
        findings.append(Finding(rule.line, printable(rule.text), problem, remedy))
        return None
    return meaning


def _entry(rule: Rule, findings: list[Finding]) -> Entry | None:
    if b"@" in rule.address:
        problem = "Postfix asks no ident server, so it never knows the user"
        findings.append(Finding(rule.line, printable(rule.text), problem, "name the address or the host alone"))
        return None
    meaning = _meaning(rule, findings)
    if meaning is None:
        return None
    if rule.address == b"" or rule.address.startswith(b"="):
        return Entry(rule, meaning)
    networks = [_network(text_of(key)) for key in rule.keys]
    numbers = networks[0].prefixlen // 8
    return Entry(rule, meaning, list(ipaddress.collapse_addresses(networks)), numbers)


def _network(key: str) -> ipaddress.IPv4Network:
    parts = key.removesuffix(".").split(".")
    return ipaddress.IPv4Network(".".join((*parts, *["0"] * (4 - len(parts)))) + f"/{8 * len(parts)}")


def _server_faults(entry: Entry, usual: dict[str, str], findings: list[Finding], notes: list[str]) -> None:
    rule, meaning, shown = entry.rule, entry.policy, printable(entry.rule.text)
    if rule.deny or rule.address.startswith(b"="):
        return
    findings += [_finding(rule, problem) for problem in server_conflicts(meaning, rule.environment, usual)]
    if not rule.address:
        if meaning.relay and not meaning.refusal:
            findings.append(Finding(rule.line, shown, "RELAYCLIENT for everybody is an open relay", "name the networks that may relay"))
        return
    unsaid = server_notes(meaning, rule.environment, usual)
    if unsaid:
        names = ", ".join(unsaid)
        notes.append(f"line {rule.line}: {shown}: does not name {names}, and it holds there too: Postfix has one value for all networks")
    checked = usual.get("VALIDRCPTTO_CDB") and not meaning.relay and not meaning.refusal
    if checked and not meaning.check_recipients:
        notes.append(
            f"line {rule.line}: {shown}: does not name VALIDRCPTTO_CDB: people who do not exist are accepted from there, and bounce"
        )


def _finding(rule: Rule, problem: str) -> Finding:
    said, _, remedy = problem.rpartition("; ")
    return Finding(rule.line, printable(rule.text), said, remedy)


def _tables(entries: list[Entry], default: Entry | None, names: bool, discarded: str) -> dict[str, str]:
    usual = default.policy if default else Policy()
    tables = {"postscreen.cidr": _table(entries, default, _postscreen)}
    tables["client.cidr"] = _client(entries, default, names)
    admitted = [entry for entry in entries if not entry.policy.refusal]
    for name, (action, holds) in _ASPECTS.items():
        tables[name] = _aspect(admitted, default, usual, lambda rule, action=action, holds=holds: action if holds(rule) else "DUNNO")
    last = [default] if default else []
    # Whether a client that is refused may use STARTTLS makes no difference; whether it is in mynetworks does.
    tables["relay.cidr"] = carved_table(_carved([*entries, *last]), lambda rule: rule.relay, "OK")
    tables["ehlo.cidr"] = carved_table(_carved([*admitted, *last]), lambda rule: rule.deny_tls, f"{discarded}, starttls")
    return tables


def _carved(entries: list[Entry]) -> list[tuple[str, list[Network], Policy]]:
    return [(entry.comment, entry.networks or EVERYBODY, entry.policy) for entry in entries]


def _postscreen(rule: Policy) -> str:
    """Answer postscreen_access_list: a refusal with a text of its own is smtpd's to say."""
    if rule.refusal == "REJECT":
        return "reject"
    return "permit" if rule.exempt or rule.refusal else "dunno"


def _client(entries: list[Entry], default: Entry | None, names: bool) -> str:
    whole = [entry for entry in entries if entry.numbers == 4]
    prefixes = [entry for entry in entries if entry.numbers < 4]
    # rules.c: a whole address beats =host, =host beats a prefix, a prefix beats =.suffix, that beats the default.
    body = _lines(whole, lambda rule: rule.refusal or "DUNNO")
    body += _lines(prefixes, lambda rule: rule.refusal or ("tcprules_hosts" if names else "DUNNO"))
    last = (default.policy.refusal if default else "") or "DUNNO"
    return body + _last(default, "tcprules_names" if names and last == "DUNNO" else last)


def _aspect(entries: list[Entry], default: Entry | None, usual: Policy, say: Callable[..., str]) -> str:
    """Write the lines that differ from the default, and those that must stand before them."""
    if all(say(entry.policy) == say(usual) for entry in entries):
        return _last(default, say(usual))
    return _lines(entries, say) + _last(default, say(usual))


def _table(entries: list[Entry], default: Entry | None, say: Callable[[Policy], str]) -> str:
    return _lines(entries, say) + _last(default, say(default.policy if default else Policy()))


def _lines(entries: Iterable[Entry], say: Callable[..., str]) -> str:
    return "".join(f"{entry.comment}\n" + "".join(f"{network}\t{say(entry.policy)}\n" for network in entry.networks) for entry in entries)


def _last(default: Entry | None, action: str) -> str:
    comment = default.comment if default else "# no line: without a default rule everybody else is allowed"
    return f"{comment}\n" + "".join(f"{network}\t{action}\n" for network in EVERYBODY)
