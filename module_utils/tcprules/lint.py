"""Find in rules what tcprules would refuse, and what it would store and never find again, which is worse."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from .syntax import LARGEST, Rule, RuleError, bytes_of, lines_of, parse_line, printable, text_of

#: What is wrong, and what to write instead.
Fault = tuple[str, str]

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_RANGE = re.compile(r"((?:[0-9]+\.)*)([0-9]*)-([0-9]*)((?:\.[0-9]*)*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:/[0-9]+)?:(?:allow|deny)\b.*")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. severity is error (the rules must not be installed) or warning (they work, perhaps not as meant)."""

    line: int
    text: str
    problem: str
    remedy: str
    severity: str = "error"

    def __str__(self) -> str:
        """Say it in one line."""
        return f"line {self.line}: {self.text}: {self.problem}; {self.remedy}"


class LintError(ValueError):
    """Rules that must not be installed; findings holds every reason."""

    def __init__(self, findings: list[Finding]) -> None:
        """Keep the findings."""
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


def lint(text: str | bytes) -> tuple[list[Rule], list[Finding]]:
    """Read rules and return those that can be read and all findings, in the order of the lines."""
    rules: list[Rule] = []
    findings: list[Finding] = []
    seen: dict[bytes, int] = {}
    for number, line in lines_of(text):
        try:
            rule = parse_line(number, line)
        except RuleError as error:
            findings.append(Finding(number, printable(line), error.problem, _parse_remedy(line, error.problem)))
            continue
        if rule is None:
            findings.append(Finding(number, printable(line), "tcprules passes over a line without a colon", _colon_remedy(line)))
            continue
        rules.append(rule)
        findings += [Finding(number, printable(line), *fault) for fault in _faults(rule, seen)]
        findings += [Finding(number, printable(line), *doubt, severity="warning") for doubt in _doubts(rule)]
    return rules, findings


def accepted(text: str | bytes) -> tuple[list[Rule], list[Finding]]:
    """Return the rules and the warnings. Raises LintError with all findings when one of them is an error."""
    rules, findings = lint(text)
    if any(finding.severity == "error" for finding in findings):
        raise LintError(findings)
    return rules, findings


def _parse_remedy(line: bytes, problem: str) -> str:
    text = text_of(line)
    rest = text.partition(":")[2]
    if line.endswith(b"\r"):
        return "save the rules with Unix line ends"
    if _IPV6.fullmatch(text):
        return "leave it out: this tcprules knows no IPv6, and the default rule holds for those clients"
    if text.lstrip().startswith("#"):
        return "begin a comment in the first column"
    if "neither" in problem and rest.strip().lower().startswith(("allow", "deny")):
        return "write allow or deny in lower case directly after the colon"
    if "neither" in problem:
        return "write ADDRESS:allow or ADDRESS:deny"
    if "range" in problem:
        return "write a range as two numbers, e.g. 192.0.2.4-7"
    if text.endswith((",", "\\", "_")):
        return "write the whole rule on one line: tcprules has no continuation"
    return 'write each variable as ,NAME="VALUE" without blanks around it, and choose a quote that the value does not contain'


def _colon_remedy(line: bytes) -> str:
    text = text_of(line)
    word = text.strip()
    if word.startswith("#"):
        return "begin a comment in the first column"
    if re.match(r"[A-Za-z_]+=", word) or word.endswith(","):
        return "write the whole rule on one line: tcprules has no continuation"
    fault = address_fault(word)
    meant = fault[1].removeprefix("write ") if fault and re.fullmatch(r"write [^ ]+", fault[1]) else printable(bytes_of(word))
    return f"write {meant}:allow or {meant}:deny, or begin the line with # if it is a comment"


def _faults(rule: Rule, seen: dict[bytes, int]) -> list[Fault]:
    faults: list[Fault] = []
    if b"\0" in rule.text:
        faults.append(("a NUL byte ends a variable early", "take it out"))
    fault = address_fault(text_of(rule.address))
    if fault:
        faults.append(fault)
    names = [text_of(name) for name, _ in rule.variables]
    for name in dict.fromkeys(names):
        if not _NAME.fullmatch(name):
            faults.append((f"{printable(bytes_of(name)) or 'nothing'} is no name for a variable", 'write ,NAME="VALUE" without blanks'))
        if names.count(name) > 1:
            faults.append((f"{printable(bytes_of(name))} is set twice", "keep one of them"))
    known = [(key, seen[key]) for key in rule.keys if key in seen]
    if known:
        key, first = known[0]
        what = f"{printable(key)} and {len(known) - 1} more" if len(known) > 1 else printable(key) or "the default rule"
        said = f"line {first} has said already what happens to {what}, and the first line wins"
        faults.append((said, f"take it out here or from line {first}"))
    for key in rule.keys:
        seen.setdefault(key, rule.line)
    return faults


def _doubts(rule: Rule) -> list[Fault]:
    doubts: list[Fault] = []
    if rule.deny and rule.variables:
        doubts.append(("a denied client gets no variables", f"write {printable(rule.address)}:deny"))
    for (name, value), quote in zip(rule.variables, rule.quotes, strict=True):
        if quote.isalnum():
            word, taken, sign = printable(name), printable(value), printable(quote)
            doubts.append(
                (f"{word} is {taken or 'empty'}: the {sign} before it is its quote", f'write {word}="{sign}{taken}{sign}" if you mean that')
            )
    return doubts


def address_fault(address: str) -> Fault | None:
    """Say why no client can ever have this address, or None when one can."""
    if not address:
        return None
    if address != address.strip() or re.search(r"\s", address):
        stripped = re.sub(r"\s", "", address)
        return "a blank is part of the address, which therefore never matches", f"write {printable(bytes_of(stripped))}"
    if "@" in address:
        return _person_fault(address)
    if address.startswith("="):
        return _host_fault(address[1:])
    return _ip_fault(address)


def _person_fault(address: str) -> Fault | None:
    person, _, rest = address.rpartition("@")
    if not person:
        return "nobody stands before the @", f"write {printable(bytes_of(rest))}, or user@{printable(bytes_of(rest))}"
    if person.startswith("="):
        return "a host name cannot contain an @", "write user@=host.name"
    if rest.endswith(".") or rest.startswith("=.") or rest == "=":
        return "after user@ only a whole address or a whole host name is looked up", "write user@192.0.2.1 or user@=host.name"
    if "-" in rest and not rest.startswith("="):
        return "after user@ tcprules expands no range", "write one line for each address"
    return _host_fault(rest[1:], f"{person}@") if rest.startswith("=") else _ip_fault(rest)


def _host_fault(host: str, before: str = "") -> Fault | None:
    name = host.removeprefix(".")
    dot = host[: len(host) - len(name)]
    if not host:
        return None
    shown = f"{before}={dot}"
    lower = name.lower().rstrip(".")
    if lower.startswith("*."):
        return "* stands for nothing", f"write {before}=.{printable(bytes_of(lower[2:]))}"
    if not _HOST.fullmatch(lower):
        return "no host can have this name", f"write {shown}host.name"
    if name != lower:
        return "tcpserver asks in lower case and without a dot at the end", f"write {shown}{lower}"
    if lower.rpartition(".")[2].isdigit():
        return "this is an address, not a name", f"write {before}{lower} without ="
    return None


def _ip_fault(address: str) -> Fault | None:
    if "/" in address:
        return _cidr_fault(address)
    if "*" in address:
        return "* stands for nothing", _wildcard_remedy(address)
    if not re.fullmatch(r"[0-9.-]+", address):
        lower = printable(bytes_of(address.lower()))
        return "this is no address, and a host name stands after =", f"write ={lower}" if address.isascii() else "write =host.name"
    if "-" in address:
        return _range_fault(address)
    return _number_fault(address)


def _number_fault(address: str) -> Fault | None:
    prefix = address.endswith(".")
    parts = address.removesuffix(".").split(".")
    for part in parts:
        if not part:
            return "a number is missing between the dots", "write an address, or a prefix that ends with one dot"
        plain = part.lstrip("0") or "0"
        if len(plain) > 3 or int(plain) > LARGEST:
            return f"{part} is larger than {LARGEST}", "write an address that can be"
        if part != plain:
            return f"{part} begins with a zero, and addresses are compared as text", f"write {plain}"
    if len(parts) > 4:
        return "an address has four numbers", "write an address that can be"
    if prefix and len(parts) == 4:
        return "a dot follows a whole address", f"write {address.removesuffix('.')}"
    if not prefix and len(parts) < 4:
        return "a prefix without its last dot never matches", f"write {address}."
    return None


def _range_fault(address: str) -> Fault | None:
    match = _RANGE.fullmatch(address)
    if not match:
        return "tcprules expands one range in an address, of two numbers", "write one line for each number of one of the ranges"
    before, low, high, after = match.groups()
    if not low or not high:
        missing = f"{before}{low or '0'}-{high or LARGEST}{after}"
        return "a range has a number on each side", f"write {missing}"
    low, high = low.lstrip("0") or "0", high.lstrip("0") or "0"
    if len(low) > 3 or int(low) > LARGEST or len(high) > 3 or int(high) > LARGEST:
        remedy = f"write {before}{low}-{LARGEST}{after}" if len(low) <= 3 and int(low) <= LARGEST else "write a range that can be"
        return f"a number of the range is larger than {LARGEST}", remedy
    if int(low) > int(high):
        return "a reversed range holds no address", f"write {before}{high}-{low}{after}"
    fault = _number_fault(f"{before}{low}{after}")
    if fault and fault[0].startswith("a prefix"):
        return fault[0], f"write {address}."
    if fault and fault[0].startswith("a dot"):
        return fault[0], f"write {address.removesuffix('.')}"
    return fault


def _cidr_fault(address: str) -> Fault:
    problem = "tcprules knows no network length: it stores this as text that never matches"
    base, _, length = address.partition("/")
    octets = base.rstrip(".").split(".")
    whole = ".".join((*octets, *["0"] * (4 - len(octets))))
    try:
        network = ipaddress.IPv4Network(f"{whole}/{length}", strict=False)
    except ValueError:
        return problem, "write an address, or a prefix that ends with a dot"
    return problem, f"write {address_of(network)}" if network.prefixlen else "write the default rule, with nothing before the colon"


def address_of(network: ipaddress.IPv4Network) -> str:
    """Write a network as tcprules wants it: an address, a prefix, or a range of one of them."""
    first, last = str(network.network_address).split("."), str(network.broadcast_address).split(".")
    whole, rest = divmod(network.prefixlen, 8)
    if not rest:
        return ".".join(first[:whole]) + ("." if whole < 4 else "")
    return ".".join([*first[:whole], f"{first[whole]}-{last[whole]}"]) + ("." if whole < 3 else "")


def _wildcard_remedy(address: str) -> str:
    prefix = re.fullmatch(r"((?:[0-9]+\.){1,3})\*(?:\.\*)*", address)
    if prefix:
        return f"write {prefix[1]}"
    host = re.fullmatch(r"\*\.([A-Za-z0-9_.-]+)", address)
    return f"write =.{host[1].lower()}" if host else "write a prefix that ends with a dot"
