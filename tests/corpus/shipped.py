"""Sample letters that others ship: CPython's tests of its email package, when this Python has them."""

from __future__ import annotations

import email
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from tests.corpus.sample import MARK, Sample, crlf

#: Fields that may stand in a letter once (RFC 5322, 3.6); a letter without the first two is a bad header, and rightly so.
ONCE = ["From", "Date", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "Cc", "Reply-To"]


def cpython() -> Iterator[Sample]:
    """Yield the letters of test_email/data that are no tests of broken mail."""
    library = Path(sysconfig.get_path("stdlib")) / "test" / "test_email" / "data"
    for path in sorted(library.glob("msg_*.txt")):
        raw = path.read_bytes()
        message = email.message_from_bytes(raw)
        broken = any(part.defects for part in message.walk()) or any(len(message.get_all(name, [])) > 1 for name in ONCE)
        if broken or raw.startswith(b"From ") or "From" not in message or "Date" not in message:
            continue
        yield Sample(f"cpython-{path.stem}", own_identity(raw))


def own_identity(raw: bytes) -> bytes:
    """Return a letter without what must be of one test: its Message-ID, and a date that is years ago."""
    header, separator, body = crlf(raw).partition(b"\r\n\r\n")
    kept: list[bytes] = []
    drop = False
    for line in header.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            drop = line.partition(b":")[0].lower() in {b"message-id", b"date", MARK.lower().encode()}
        if not drop:
            kept.append(line)
    return b"\r\n".join(kept) + separator + body
