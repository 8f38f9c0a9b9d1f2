"""Values and names of the directory: one spelling of each, and a sentence for what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .schema import ADDRESSES, ATTRIBUTES, WORDS, Rule

# RFC 5321 section 4.1.2, a dot-atom (with UTF-8 left out: the attributes are IA5) at a domain of two labels or more.
_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)(?!.{65,}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z"
)
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_DIGITS = re.compile(r"[0-9]+\Z")
_TIME = re.compile(r"[0-9]{10}(?:[0-9]{2}){0,2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{4})\Z")
_PATHS = frozenset({"homedirectory"})
_LIMITS = {"mailreplytext": 4096, "confirmtext": 4096, "moderatortext": 4096}
_NOT_NEGATIVE = frozenset({"uidnumber", "gidnumber", "qmailuid", "qmailgid", "mailquotasize", "mailquotacount", "mailsizemax"})


def escape_dn_value(value: str) -> str:
    """Write a value so that it stands for itself in a DN (RFC 4514 section 2.4)."""
    escaped = re.sub(r'([\\,+"<>;=])', r"\\\1", value).replace("\0", "\\00")
    if escaped.startswith(("#", " ")):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and not escaped.endswith("\\ "):
        escaped = escaped[:-1] + "\\ "
    return escaped


def escape_filter_value(value: str) -> str:
    """Write a value so that it stands for itself in a filter (RFC 4515 section 3)."""
    return re.sub(r"[\\*()\0]", lambda found: f"\\{ord(found.group()):02x}", value)


def split_dn(dn: str) -> list[str]:
    """Split a DN at the commas that part its components; escapes stay. Raises ValueError for what is no DN."""
    parts: list[str] = []
    start = position = 0
    while position < len(dn):
        if dn[position] == "\\":
            position += 2
            continue
        if dn[position] == ",":
            parts.append(dn[start:position])
            start = position + 1
        position += 1
    parts.append(dn[start:])
    if not all(re.match(r"\s*[A-Za-z][A-Za-z0-9-]*\s*=\s*\S", part) for part in parts):
        raise ValueError(f"{dn!r} is not a DN (RFC 4514): NAME=VALUE, parted by commas")
    return [part.strip(" ") if not part.endswith("\\ ") else part.lstrip(" ") for part in parts]


def unescape_dn_value(value: str) -> str:
    """Read a value out of a DN: the opposite of escape_dn_value, for whichever way of escaping was chosen."""
    if "\\" not in value:
        return value
    octets = re.sub(
        rb"\\([0-9A-Fa-f]{2})|\\(.)",
        lambda found: bytes.fromhex(found.group(1).decode()) if found.group(1) else found.group(2),
        value.encode(),
    )
    return octets.decode(errors="surrogateescape")


def dn_key(dn: str) -> str:
    """Reduce a DN to what two spellings of it share: case, blanks and ways of escaping aside."""
    if "\\" not in dn and " " not in dn:
        return dn.lower()
    keys = []
    for part in split_dn(dn):
        name, _, value = part.partition("=")
        keys.append(f"{name.strip()}={escape_dn_value(' '.join(unescape_dn_value(value.lstrip(' ')).split()))}".lower())
    return ",".join(keys)


def compare_key(rule: Rule, value: str) -> str:
    """Reduce a value to what counts when two are compared for a difference worth writing."""
    if rule.syntax == "name":
        return dn_key(value)
    return value.lower() if rule.fold else value


def _refuse_text(low: str, rule: Rule, text: str) -> str | None:
    """Say why a value of a given shape is refused; None when it is not."""
    if rule.syntax in {"ascii", "oid"} and not text.isascii():
        return "holds a character outside ASCII"
    if low != "mailreplytext" and rule.syntax in {"ascii", "name"} and any(ord(character) < 32 for character in text):
        return "holds a control character"
    if low in _LIMITS and len(text) > _LIMITS[low]:
        return f"is longer than {_LIMITS[low]} characters"
    if rule.syntax == "name":
        try:
            split_dn(text)
        except ValueError as error:
            return str(error)
    return None


def _refuse_meaning(low: str, text: str) -> str | None:
    """Say why a value is refused for what it means; None when it is not."""
    if low in ADDRESSES and not _ADDRESS.match(text):
        return "is not an address (RFC 5321): local-part@domain"
    if low == "mailhost" and not _HOST.match(text):
        return "is not a host name"
    if low in WORDS and text.lower() not in WORDS[low]:
        return f"is none of {', '.join(sorted(WORDS[low]))}"
    if low in _PATHS and not text.startswith("/"):
        return "is not an absolute path"
    return None


def _spell(rule: Rule, value: Any) -> str:
    """Spell one value as LDAP does. Raises ValueError saying what it is not."""
    if rule.syntax == "boolean":
        spelt = {True: "TRUE", False: "FALSE"}.get(value) if isinstance(value, bool) else str(value).upper()
        if spelt not in {"TRUE", "FALSE"}:
            raise ValueError("is not true or false")
        return spelt
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"is not text but {type(value).__name__}: quote it")  # noqa: TRY004  one kind of error for every bad value
    text = str(value)
    patterns = {"integer": (_INTEGER, "a whole number"), "digits": (_DIGITS, "digits"), "time": (_TIME, "a time as in 20260131120000Z")}
    if rule.syntax in patterns:
        pattern, name = patterns[rule.syntax]
        if not pattern.match(text):
            raise ValueError(f"is not {name}")
    if not text.strip():
        raise ValueError("is empty: give null to remove the attribute")
    return text


def canonical_values(name: str, value: Any) -> list[str]:
    """Turn what YAML gave for an attribute into the values that a directory holds.

    name: of an attribute that ATTRIBUTES knows. value: one value or a list; None and [] mean none.
    Returns the values in the order given, without repetition. Raises ValueError with one sentence, without secret.
    """
    low = name.lower()
    rule = ATTRIBUTES[low][1]
    given: Iterable[Any] = value if isinstance(value, list | tuple) else [] if value is None else [value]
    values: dict[str, str] = {}
    for item in given:
        shown = "the value" if rule.syntax == "secret" else repr(item)
        try:
            text = _spell(rule, item)
        except ValueError as error:
            raise ValueError(f"{name}: {shown} {error}") from None
        if low in _NOT_NEGATIVE and text.startswith("-"):
            raise ValueError(f"{name}: {shown} is negative")
        reason = _refuse_text(low, rule, text) or _refuse_meaning(low, text)
        if reason:
            raise ValueError(f"{name}: {shown} {reason}")
        values.setdefault(compare_key(rule, text), text)
    if rule.single and len(values) > 1:
        raise ValueError(f"{name}: {len(values)} values where one is permitted")
    return list(values.values())
