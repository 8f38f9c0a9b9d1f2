"""Read a kept message: what it says, without doing what it says."""

from __future__ import annotations

import email
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message
from html.parser import HTMLParser
from typing import Any

from .database import Database
from .errors import PurgedError

#: What amavis writes on top of a copy. The list of all recipients is among it, so nobody but the filter may read it.
_OURS = re.compile(rb"(?i)(?:X-Envelope-[A-Za-z-]+|X-Quarantine-ID|X-Amavis-[A-Za-z-]+|Return-Path|Delivered-To):")
_SHOWN = ("From", "Sender", "Reply-To", "To", "Cc", "Date", "Subject", "Message-ID", "List-Id", "Authentication-Results")
#: Nobody reads more on a screen, and a hostile message costs no more.
READ_AT_MOST = 4 << 20
_PARTS_AT_MOST = 200


@dataclass(slots=True)
class Shown:
    """A message, decoded. Nothing in it is safe for a terminal or a web page yet: it is text that strangers wrote."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    parts: list[dict[str, Any]] = field(default_factory=list)
    #: SpamAssassin's rules and what each counted.
    rules: list[tuple[str, float]] = field(default_factory=list)
    #: The text shown is not all of it.
    cut: bool = False


def chunks(database: Database, partition: int, mail_id: str) -> Generator[bytes, None, None]:
    """Yield the copy of a message as it is kept. Raises PurgedError when there is none."""
    found = False
    for (chunk,) in database.stream(
        "SELECT mail_text FROM quarantine WHERE partition_tag = %s AND mail_id = %s ORDER BY chunk_ind", (partition, mail_id.encode())
    ):
        found = True
        yield bytes(chunk)
    if not found:
        raise PurgedError(f"the text of {mail_id} is not kept any more")


def beginning(pieces: Generator[bytes, None, None], most: int = READ_AT_MOST) -> tuple[bytes, bool]:
    """Return at most so many bytes of a message, and whether there are more."""
    kept = b""
    with closing(pieces):
        for piece in pieces:
            kept += piece
            if len(kept) > most:
                return kept[:most], True
    return kept, False


def without_ours(raw: bytes) -> bytes:
    """Return a message as it came, without what the filter wrote on top of it."""
    head, blank, body = _split(raw)
    fields = re.split(rb"(?<=\n)(?![ \t])", head)
    return b"".join(one for one in fields if not _OURS.match(one)) + blank + body


def original(pieces: Iterator[bytes], most: int = 1 << 20) -> Iterator[bytes]:
    """Yield a message as it came, without what the filter wrote on top of it, and without holding all of it."""
    head: bytes | None = b""
    for piece in pieces:
        if head is None:
            yield piece
            continue
        head += piece
        # A header longer than this is none.
        if _split(head)[1] or len(head) > most:
            yield without_ours(head)
            head = None
    if head:
        yield without_ours(head)


def _split(raw: bytes) -> tuple[bytes, bytes, bytes]:
    match = re.search(rb"(?:\A|(?<=\n))\r?\n", raw)
    return (raw[: match.start()], match[0], raw[match.end() :]) if match else (raw, b"", b"")


def show(raw: bytes, cut: bool = False) -> Shown:
    """Decode a message. Whatever is wrong with it, something is returned: it is here because something was wrong with it."""
    shown = Shown(cut=cut)
    try:
        parsed = email.message_from_bytes(without_ours(raw))
        _fill(shown, parsed)
    except (RecursionError, ValueError, LookupError, AssertionError, TypeError, AttributeError, KeyError, IndexError):
        # Nested a thousand deep, or in a way that the library stumbles over: the header alone, undecoded.
        shown.headers = shown.headers or [("(unreadable)", _split(raw)[0][:4096].decode("latin-1"))]
        shown.cut = True
    shown.rules = _rules(raw)
    return shown


def _fill(shown: Shown, parsed: Message) -> None:
    for name in _SHOWN:
        shown.headers += [(name, decoded(str(value))) for value in parsed.get_all(name, [])[:20]]
    plain, hyper = "", ""
    for number, part in enumerate(parsed.walk()):
        if number >= _PARTS_AT_MOST:
            shown.cut = True
            break
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        shown.parts.append({"type": kind, "name": decoded(part.get_filename() or ""), "size": len(content)})
        attached = part.get_content_disposition() == "attachment"
        if kind == "text/plain" and not attached:
            plain += _letters(part, content)
        elif kind == "text/html" and not attached:
            hyper += _letters(part, content)
    shown.text = plain if plain.strip() else _bare(hyper)


def _letters(part: Message, content: bytes) -> str:
    try:
        return content.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("latin-1")


def decoded(value: str) -> str:
    """Return a header's text with encoded words decoded (RFC 2047), on one line. What cannot be decoded stays as it is."""
    line = re.sub(r"\r?\n(?=[ \t])", "", value)
    try:
        parts = decode_header(line)
        return "".join(part if isinstance(part, str) else part.decode(charset or "latin-1", "replace") for part, charset in parts)
    except (LookupError, ValueError, AttributeError):
        return line


def _rules(raw: bytes) -> list[tuple[str, float]]:
    head = re.sub(rb"\r?\n[ \t]+", b" ", _split(raw)[0])
    match = re.search(rb"(?im)^X-Spam-Status:.*?tests=\[([^\]]*)\]", head)
    found = re.findall(rb"([A-Z][A-Z0-9_]{1,63})=(-?\d{1,5}(?:\.\d{1,6})?)", match[1]) if match else []
    return sorted(((name.decode(), float(score)) for name, score in found), key=lambda rule: -rule[1])


class _Reader(HTMLParser):
    """The words of a page; nothing is fetched, run or laid out."""

    _SILENT = ("script", "style", "head", "title")
    _BREAKS = ("p", "br", "div", "tr", "li", "h1", "h2", "h3", "table")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line, or a part that is not read; an address behind a link is shown, for it is what gives frauds away."""
        if tag in self._SILENT:
            self._silent += 1
        elif tag in self._BREAKS:
            self.words.append("\n")
        elif tag == "a" and (target := dict(attrs).get("href")):
            self.words.append(f"[{target}] ")

    def handle_endtag(self, tag: str) -> None:
        """End a part that is not read."""
        if tag in self._SILENT and self._silent:
            self._silent -= 1
        elif tag in self._BREAKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        """Keep words."""
        if not self._silent:
            self.words.append(data)


def _bare(page: str) -> str:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.words).splitlines())
    return "\n".join(line for line in lines if line)
