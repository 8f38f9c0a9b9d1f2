"""The letter in which a mailstore sends a copy of a delivered letter to a backup machine.

The inner letter is the body, byte for byte as it lies in the mailbox; what the mailbox knew of it stands in header fields.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes, unquote_to_bytes

#: Header fields of the inner letter that the outer one shows too, so that an ordinary search finds it.
SHOWN = ("From", "To", "Subject", "Date", "Message-ID")
#: Bytes of each of these: a line of SMTP has 998 (RFC 5321 4.5.3.1.6).
_MOST = 900
_PREFIX = "X-Posthouse-"
_TEXTS = ("Person", "Folder", "Guid", "Store", "Sender", "Recipient")
#: Printable ASCII but for the space and the escape itself.
_PLAIN = "".join(chr(one) for one in range(0x21, 0x7F) if chr(one) != "%")
_LINE_END = re.compile(rb"\r+\n")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]?((?:[^\n]*)(?:\n[ \t][^\n]*)*)\n?")


class CopyError(ValueError):
    """This is no copy, or not the copy that was sent."""


@dataclass(frozen=True)
class Facts:
    """What a mailbox knew of a letter when it was delivered."""

    person: str
    folder: str  # / between levels, no namespace prefix
    guid: str
    uid: int
    uidvalidity: int
    saved: datetime  # with a zone
    flags: tuple[str, ...]  # as IMAP writes them: \\Seen, $label
    store: str
    sender: str  # envelope; empty for a bounce
    recipient: str
    sha256: str = ""  # wrap() counts it, and size
    size: int = 0


def canonical(letter: bytes) -> bytes:
    """Return a letter with LF line ends and one at its end, which is all that a way over SMTP may change."""
    letter = _LINE_END.sub(b"\n", letter) if b"\r\n" in letter else letter
    return letter if letter.endswith(b"\n") else letter + b"\n"


def digest(letter: bytes) -> str:
    """Return the hash by which the same letter is known in every place and with every line end."""
    return hashlib.sha256(canonical(letter)).hexdigest()


def field(letter: bytes, name: str) -> bytes:
    """Return the raw value of the first header field of this name, with LF between its lines, or nothing."""
    return _fields(_header(canonical(letter)), {name.lower().encode()}).get(name.lower().encode(), b"")


def wrap(facts: Facts, inner: bytes) -> bytes:
    """Return the outer letter, with LF line ends."""
    inner = canonical(inner)
    facts = replace(facts, sha256=hashlib.sha256(inner).hexdigest(), size=len(inner))
    found = _fields(_header(inner), {one.lower().encode() for one in SHOWN})
    lines = [one.encode() + b": " + _cut(found[one.lower().encode()]) for one in SHOWN if one.lower().encode() in found]
    lines += [f"{_PREFIX}{name}: {value}".encode("ascii") for name, value in _written(facts)]
    lines += [b"MIME-Version: 1.0", b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: 8bit"]
    return b"\n".join(lines) + b"\n\n" + inner


def unwrap(outer: bytes) -> tuple[Facts, bytes]:
    """Return what is known of a letter, and the letter. Raises CopyError, also when it is not the letter that was sent."""
    facts, inner = _opened(canonical(outer))
    if facts.size != len(inner) or facts.sha256 != hashlib.sha256(inner).hexdigest():
        raise CopyError(f"the letter has changed: it has {len(inner)} bytes of {facts.size}, or its hash is not {facts.sha256}")
    return facts, inner


def facts_of(header: bytes) -> Facts:
    """Return what the header of an outer letter says, without its body. Raises CopyError."""
    return _opened(canonical(header))[0]


def _opened(outer: bytes) -> tuple[Facts, bytes]:
    header = _header(outer)
    names = {f"{_PREFIX}{one}".lower() for one in (*_TEXTS, "Copy", "Uid", "Uidvalidity", "Saved", "Flags", "Sha256", "Size")}
    raw = _fields(header, {one.encode() for one in names})
    values = {name.decode().removeprefix(_PREFIX.lower()): value.decode("ascii", "replace").strip() for name, value in raw.items()}
    if values.get("copy") != "1":
        raise CopyError("this is no copy of a delivered letter (X-Posthouse-Copy: 1 is missing)")
    try:
        texts = {one.lower(): _read(values[one.lower()]) for one in _TEXTS}
        facts = Facts(
            **texts,
            uid=int(values["uid"]),
            uidvalidity=int(values["uidvalidity"]),
            saved=datetime.fromisoformat(values["saved"]).astimezone(UTC),
            flags=tuple(_read(one) for one in values["flags"].split()),
            sha256=values["sha256"],
            size=int(values["size"]),
        )
    except (KeyError, ValueError) as fault:
        raise CopyError(f"the header of the copy is not what was written: {fault}") from fault
    return facts, outer[len(header) + 1 :]


def _written(facts: Facts) -> list[tuple[str, str]]:
    saved = facts.saved.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return [
        ("Copy", "1"),
        *((name, _escaped(getattr(facts, name.lower()))) for name in _TEXTS),
        ("Uid", str(facts.uid)),
        ("Uidvalidity", str(facts.uidvalidity)),
        ("Saved", saved),
        ("Flags", " ".join(_escaped(one) for one in facts.flags)),
        ("Sha256", facts.sha256),
        ("Size", str(facts.size)),
    ]


def _escaped(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"), safe=_PLAIN)


def _read(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")


def _header(letter: bytes) -> bytes:
    """Return the header with the end of its last line, without the empty line that ends it."""
    if letter.startswith(b"\n"):
        return b""
    end = letter.find(b"\n\n")
    return letter if end < 0 else letter[: end + 1]


def _fields(header: bytes, names: set[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(header):
        match = _FIELD.match(header, at)
        if not match:
            # A line that is no field, as a mailbox's "From " line: the next one may be a field again.
            at = header.find(b"\n", at) + 1 or len(header)
            continue
        name = match[1].lower()
        if name in names and name not in found:
            found[name] = match[2]
        at = match.end()
    return found


def _cut(value: bytes) -> bytes:
    """Return at most so much of a raw value, without what could end the field early: a line of blanks alone, a carriage return."""
    lines = [one for one in value.replace(b"\r", b"").replace(b"\0", b"").split(b"\n") if one.strip()]
    return b"\n".join(lines)[:_MOST].rstrip()
