"""Letters as a campus has them: many short texts, some pages, few attachments, which are most of the bytes. Always the same ones."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_TEXT = """the meeting of library committee moves to Thursday at ten in room figures for periodicals and books please bring regards dear
colleagues students who wish to take part should write before Friday because there are only a few places left we have received your
application it will be looked at within two weeks thank you very much for letting me know about this problem with printer"""
WORDS = _TEXT.split()
_BEGAN = datetime(2026, 10, 1, tzinfo=UTC)
_WEEK = 7 * 86400


def letters(count: int, seed: int) -> Iterator[bytes]:
    """Yield letters with LF line ends, about 55 kB each in the mean: seven of ten are texts, two are pages, one has an attachment."""
    dice = random.Random(seed)
    for number in range(count):
        kind = number % 10
        body, more = _text(dice, dice.randint(1, 6) << 10), ""
        if kind in (3, 7):
            page = "".join(f'<tr><td class="cell" style="padding:4px">{line}</td></tr>\n' for line in _text(dice, 25 << 10).splitlines())
            body, more = f"<html><body><table>\n{page}</table></body></html>\n", "Content-Type: text/html; charset=us-ascii\n"
        elif kind == 9:
            body, more = _attached(dice, body), 'Content-Type: multipart/mixed; boundary="=bench="\n'
        date = format_datetime(_BEGAN + timedelta(seconds=dice.randrange(_WEEK)))
        head = f"From: writer{dice.randrange(50)}@elsewhere.test\nTo: bench@madstop.test\nSubject: {' '.join(dice.choices(WORDS, k=5))}\n"
        yield f"{head}Date: {date}\nMessage-ID: <{seed}.{number}@elsewhere.test>\nMIME-Version: 1.0\n{more}\n{body}".encode("ascii")


def _text(dice: random.Random, size: int) -> str:
    lines: list[str] = []
    while size > 0:
        lines.append(" ".join(dice.choices(WORDS, k=12)))
        size -= len(lines[-1]) + 1
    return "\n".join(lines) + "\n"


def _attached(dice: random.Random, text: str) -> str:
    """Return a text with a document, a picture or an archive: bytes that somebody compressed already."""
    coded = base64.encodebytes(dice.randbytes(dice.randint(100, 450) << 10)).decode("ascii")
    head = "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
    return f"--=bench=\nContent-Type: text/plain\n\n{text}\n--=bench=\n{head}\n{coded}--=bench=--\n"
