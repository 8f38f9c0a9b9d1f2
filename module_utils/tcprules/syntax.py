"""The language of tcprules: one rule a line, read byte for byte as ucspi-tcp 0.88 reads it.

Everything here works on bytes, because tcprules does: a quote is one byte, and a value may hold any other.
The order of look-ups and the layout of a record are those of ucspi-tcp's rules.c; tests/unit/test_tcprules_oracle.py
compares both with the real programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

#: The largest number of a range; tcprules caps the upper one silently.
LARGEST = 255
#: scan_ulong() of ucspi-tcp wraps in an unsigned long.
WORD = 2**64


class RuleError(ValueError):
    """A line that tcprules cannot read. It stops there and keeps the old database."""

    def __init__(self, line: int, text: bytes, problem: str) -> None:
        """Keep where it is (line, counted from 1), what stands there and what is wrong with it."""
        super().__init__(f"line {line}: {printable(text)}: {problem}")
        self.line = line
        self.text = text
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it is written: a range is still one rule."""

    line: int
    text: bytes
    address: bytes
    deny: bool
    variables: tuple[tuple[bytes, bytes], ...]
    quotes: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        """The record that tcprules stores: D NUL for deny, then +NAME=VALUE NUL for each variable."""
        return (b"D\0" if self.deny else b"") + b"".join(b"+" + name + b"=" + value + b"\0" for name, value in self.variables)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The records' keys: the address as written, or one for each number of a range."""
        return tuple(_keys(self))

    @property
    def environment(self) -> dict[str, str]:
        """The variables by name; of two with one name the last counts, as it does for the program that is started."""
        return {text_of(name): text_of(value) for name, value in self.variables}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a database says to one client. key is None where nothing matches, and then everything is allowed."""

    key: bytes | None
    deny: bool
    settings: tuple[bytes, ...]

    def check(self) -> bytes:
        """Say it in the words of tcprulescheck."""
        lines = [b"default:" if self.key is None else b"rule " + self.key + b":"]
        lines += [b"set environment variable " + setting for setting in self.settings]
        lines.append(b"deny connection" if self.deny else b"allow connection")
        return b"".join(line + b"\n" for line in lines)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by name; a denied client gets none."""
        if self.deny:
            return {}
        pairs = (text_of(setting).partition("=") for setting in self.settings)
        return {name: value for name, _, value in pairs}


def bytes_of(text: str | bytes) -> bytes:
    """Turn text into bytes; bytes that were no UTF-8 come back as they were."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def text_of(data: bytes) -> str:
    """Turn bytes into text without losing any of them."""
    return data.decode("utf-8", "surrogateescape")


def printable(data: bytes) -> str:
    """Turn bytes into text that can be shown on one line."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def lines_of(text: str | bytes) -> Iterator[tuple[int, bytes]]:
    """Give every line that is neither empty nor a comment, with its number, without the blanks at its end."""
    for number, raw in enumerate(bytes_of(text).split(b"\n"), 1):
        # tcprules.c skips a line that begins with # or a newline, then takes blanks and newlines from the end.
        if not raw.startswith(b"#"):
            line = raw.rstrip(b" \t\n")
            if line:
                yield number, line


def parse_line(number: int, line: bytes) -> Rule | None:
    """Read one line. Returns None for a line without a colon, which tcprules passes over in silence.

    Raises RuleError where tcprules stops.
    """
    address, colon, rest = line.partition(b":")
    if not colon:
        return None
    for word in (b"deny", b"allow"):
        if rest.startswith(word):
            variables, quotes = _variables(number, line, rest[len(word) :])
            rule = Rule(number, line, address, word == b"deny", variables, quotes)
            list(_keys(rule))
            return rule
    raise RuleError(number, line, "after the first colon comes neither allow nor deny")


def _variables(number: int, line: bytes, rest: bytes) -> tuple[tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]]:
    variables: list[tuple[bytes, bytes]] = []
    quotes: list[bytes] = []
    while rest:
        if not rest.startswith(b","):
            raise RuleError(number, line, f"{printable(rest)} stands where a comma or the end of the line must stand")
        name, equals, rest = rest[1:].partition(b"=")
        if not equals:
            raise RuleError(number, line, f"{printable(name) or 'the comma at the end'} has no = and no value")
        quote, after = rest[:1], rest[1:]
        value, end, rest = after.partition(quote) if quote else (b"", b"", b"")
        if not end:
            raise RuleError(number, line, f"the value of {printable(name)} does not end with the character it begins with")
        variables.append((name, value))
        quotes.append(quote)
    return tuple(variables), tuple(quotes)


def _keys(rule: Rule) -> Iterator[bytes]:
    address = rule.address
    dash = address.find(b"-")
    if dash < 0 or b"=" in address or b"@" in address:
        yield address
        return
    left = address.rfind(b".", 0, dash) + 1
    right = address.find(b".", dash + 1)
    right = len(address) if right < 0 else right
    low = _number(rule, address[left:dash])
    high = min(_number(rule, address[dash + 1 : right]), LARGEST)
    for number in range(low, high + 1):
        yield address[:left] + str(number).encode() + address[right:]


def _number(rule: Rule, digits: bytes) -> int:
    # The C string ends at the first NUL; an empty one is zero.
    digits = digits.partition(b"\0")[0]
    if digits and not digits.isdigit():
        raise RuleError(rule.line, rule.text, f"{printable(digits)} stands where a range needs a number")
    value = 0
    for digit in digits:
        value = (value * 10 + digit - 48) % WORD
    return value


def parse(text: str | bytes) -> list[Rule]:
    """Read rules as tcprules does. Raises RuleError at the first line that stops tcprules."""
    rules = (parse_line(number, line) for number, line in lines_of(text))
    return [rule for rule in rules if rule is not None]


def records(rules: Iterable[Rule]) -> Iterator[tuple[bytes, bytes]]:
    """Give the records in the order in which tcprules adds them."""
    for rule in rules:
        for key in rule.keys:
            yield key, rule.data


def database(rules: Iterable[Rule]) -> dict[bytes, bytes]:
    """Build what a look-up sees: of two records with one key, a CDB finds the first."""
    found: dict[bytes, bytes] = {}
    for key, data in records(rules):
        found.setdefault(key, data)
    return found


def candidates(ip: bytes, host: bytes | None, info: bytes | None) -> Iterator[bytes]:
    """Give the keys in the order in which tcpserver asks for them."""
    if info is not None:
        yield info + b"@" + ip
        if host is not None:
            yield info + b"@=" + host
    yield ip
    if host is not None:
        yield b"=" + host
    for end in range(len(ip), 0, -1):
        if ip[end - 1 : end] == b".":
            yield ip[:end]
    if host is not None:
        for start in range(len(host)):
            if host[start : start + 1] == b".":
                yield b"=" + host[start:]
        yield b"="
    yield b""


def lookup(found: Mapping[bytes, bytes], ip: str | bytes, host: str | bytes | None = None, info: str | bytes | None = None) -> Answer:
    """Say what becomes of a client.

    found: what database() or tcprules_cdb.read() returns. host and info: None where they are not known.
    """
    asked = candidates(bytes_of(ip), None if host is None else bytes_of(host), None if info is None else bytes_of(info))
    for key in asked:
        if key in found:
            return _answer(key, found[key])
    return Answer(None, False, ())


def _answer(key: bytes, data: bytes) -> Answer:
    settings: list[bytes] = []
    for chunk in data.split(b"\0")[:-1]:
        if chunk.startswith(b"D"):
            return Answer(key, True, tuple(settings))
        if chunk.startswith(b"+"):
            settings.append(chunk[1:])
    return Answer(key, False, tuple(settings))
