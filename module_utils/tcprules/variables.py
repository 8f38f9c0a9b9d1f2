"""What the variables of a rule mean to Postfix: which it can vary from network to network, and which it cannot.

Meanings are those of the combined qmail patch of the talk's exchangers and of rblsmtpd. A rule inherits nothing
from the default rule: a variable that it does not name is not set for its clients.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


class VariableError(ValueError):
    """A variable that Postfix cannot honour; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What one rule asks for, in Postfix's terms."""

    #: An access(5) action that refuses the client, or nothing.
    refusal: str = ""
    relay: bool = False
    #: RBLSMTPD="": the client passes by all of postscreen's tests.
    exempt: bool = False
    check_recipients: bool = False
    check_helo: bool = True
    check_sender_domain: bool = False
    deny_tls: bool = False
    require_tls: bool = False

    @property
    def checks_recipients(self) -> bool:
        """Whether recipients are checked in effect: a client that may relay may name anybody."""
        return self.check_recipients and not self.relay


def number(value: str) -> int:
    """Read a number as the patch's programs do; a value without one is refused, as it would be zero in silence."""
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise VariableError(f"{value!r} is no number; write digits")
    return int(value)


def _greet_wait(value: str) -> dict[str, str]:
    # postscreen always waits, since it looks up DNS lists meanwhile; a second is the shortest time it takes.
    return {"postscreen_greet_wait": f"{max(number(value), 1)}s"}


def _greet_action(value: str) -> dict[str, str]:
    return {"postscreen_greet_action": "drop" if number(value) else "ignore"}


def _recipient_errors(value: str) -> dict[str, str]:
    # The bad recipient that reaches the limit ends the session; no limit is a number that no session reaches.
    limit = number(value) or 1_000_000
    return {"smtpd_hard_error_limit": str(limit), "smtpd_soft_error_limit": str(min(limit, 10))}


def _size(value: str) -> dict[str, str]:
    return {"message_size_limit": str(number(value))}


def _recipients(value: str) -> dict[str, str]:
    # The patch raises 1 to 99 to the hundred that RFC 5321 4.5.3.1.8 asks for.
    return {"smtpd_recipient_limit": str(max(number(value), 100))}


#: Variables with one value for the whole server: name, what main.cf gets.
SERVER: Mapping[str, Callable[[str], dict[str, str]]] = {
    "GREETDELAY": _greet_wait,
    "DROP_PRE_GREET": _greet_action,
    "VALIDRCPTTO_LIMIT": _recipient_errors,
    "DATABYTES": _size,
    "MAXRCPT": _recipients,
}
#: What the programs of the talk take where a variable of SERVER is not set. None: a control file says.
UNSET: Mapping[str, str | None] = {"GREETDELAY": "0", "DROP_PRE_GREET": "0", "VALIDRCPTTO_LIMIT": "10", "DATABYTES": None, "MAXRCPT": None}
#: Variables that may differ from network to network.
CLIENT = ("RELAYCLIENT", "RBLSMTPD", "VALIDRCPTTO_CDB", "NOBADHELO", "MFCHECK", "DENY_TLS", "FORCE_TLS")
#: Variables that make no difference here, and why.
NOTHING: Mapping[str, str] = {
    "LOGREGEX": "Postfix always logs which table refused, and what",
    "VALIDRCPTTO_LOG": "Postfix always logs a refused recipient",
    "RELAYREJ": "Postfix refuses relay attempts hidden in an address unless allow_untrusted_routing is set",
}
#: Variables that need something else, and what.
ELSEWHERE: Mapping[str, str] = {
    "AUTH_CDB": "people log in at the submission service, not at an exchanger",
    "REQUIRE_AUTH": "people log in at the submission service, not at an exchanger",
    "ALLOW_INSECURE_AUTH": "people log in at the submission service, not at an exchanger",
    "QMAILQUEUE": "a filter is the next hop of an instance, not a program that a client's address chooses",
    "QMAILSKIMCONF": "a filter is the next hop of an instance, not a program that a client's address chooses",
    "RCPTCHECK": "recipients are checked against the exported table",
    "SMTPGREETING": "the banner is smtpd_banner of the instance",
    "SPFBEHAVIOR": "Postfix does not judge SPF; the content filter does",
}


def policy(deny: bool, variables: Mapping[str, str]) -> Policy:
    """Say what a rule asks for. Raises VariableError for the first value that Postfix cannot honour."""
    if deny:
        return Policy(refusal="REJECT")
    for name in variables:
        if name in ELSEWHERE:
            raise VariableError(f"{name} means nothing to Postfix: {ELSEWHERE[name]}; take it out")
        if name not in SERVER and name not in CLIENT and name not in NOTHING:
            raise VariableError(f"{name} is not a variable that can be carried over to Postfix; take it out")
    if variables.get("RELAYCLIENT"):
        raise VariableError('RELAYCLIENT with a value changes recipients, which Postfix does not do by client; write RELAYCLIENT=""')
    deny_tls, require_tls = (number(variables.get(name, "0")) > 0 for name in ("DENY_TLS", "FORCE_TLS"))
    if deny_tls and require_tls:
        raise VariableError("DENY_TLS and FORCE_TLS together refuse everybody; keep one, or write deny")
    return Policy(
        refusal=_refusal(variables.get("RBLSMTPD", "")),
        relay="RELAYCLIENT" in variables,
        exempt=variables.get("RBLSMTPD") == "",
        check_recipients=bool(variables.get("VALIDRCPTTO_CDB")),
        check_helo="NOBADHELO" not in variables,
        check_sender_domain=number(variables.get("MFCHECK", "0")) > 0,
        deny_tls=deny_tls,
        require_tls=require_tls,
    )


def _refusal(text: str) -> str:
    """Turn the text of RBLSMTPD into an access(5) action: 553 after a dash, else 451, cut at 200 characters as rblsmtpd does."""
    if not text:
        return ""
    if not (text.isascii() and text.isprintable()):
        raise VariableError("RBLSMTPD holds a character that an SMTP answer cannot carry; write plain ASCII")
    code, enhanced = ("553", "5.7.1") if text.startswith("-") else ("451", "4.7.1")
    said = text.removeprefix("-")[:200].strip() or "Access denied"
    if re.match(rf"{code[0]}\.[0-9]{{1,3}}\.[0-9]{{1,3}} ", said):
        return f"{code} {said}"
    return f"{code} {enhanced} {said}"


def server_values(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what main.cf gets from the variables of the default rule that hold for the whole server."""
    values: dict[str, str] = {}
    for name, convert in SERVER.items():
        if name in variables:
            try:
                values |= convert(variables[name])
            except VariableError as error:
                raise VariableError(f"{name}: {error}") from None
    return values


def server_conflicts(rule: Policy, variables: Mapping[str, str], default: Mapping[str, str]) -> list[str]:
    """Say which variables of a rule ask for what the server cannot do for one network alone.

    A value is no conflict where it is the default rule's, or where it makes no difference.
    """
    conflicts = []
    for name in SERVER:
        if name not in variables or rule.refusal:
            continue
        wanted = number(variables[name])
        if rule.exempt and name in ("GREETDELAY", "DROP_PRE_GREET"):
            if wanted:
                both = f'{name}="{wanted}" beside RBLSMTPD="": Postfix passes a client by all tests or by none'
                conflicts.append(f"{both}; leave one of them out")
            continue
        if name == "VALIDRCPTTO_LIMIT" and not rule.checks_recipients:
            continue
        usual = default.get(name, UNSET[name])
        if usual is None or wanted != number(usual):
            conflicts.append(f'{name}="{wanted}": Postfix has one value for all networks; {_server_remedy(name, wanted, usual)}')
    return conflicts


def _server_remedy(name: str, wanted: int, usual: str | None) -> str:
    if name == "GREETDELAY" and not wanted:
        return 'write RBLSMTPD="" to pass the network by all of postscreen\'s tests'
    if usual is None:
        return "set it in the default rule, for all"
    return f'write {name}="{usual}" here too, or leave it out'


def server_notes(rule: Policy, variables: Mapping[str, str], default: Mapping[str, str]) -> list[str]:
    """Say which variables of the default rule hold for this rule's clients too though the rule does not name them."""
    if rule.refusal:
        return []
    names = [name for name in default if name in SERVER and name not in variables and default[name] != UNSET[name]]
    if rule.exempt:
        names = [name for name in names if name not in ("GREETDELAY", "DROP_PRE_GREET")]
    if not rule.checks_recipients:
        names = [name for name in names if name != "VALIDRCPTTO_LIMIT"]
    return names
