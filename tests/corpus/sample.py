"""A sample: a letter of a kind, without the fields that make it one letter of one test."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Sequence
from dataclasses import dataclass

MARK = "X-Posthouse-Token"
#: For letters within letters, so that the same bytes come out every time.
LONG_AGO = "Mon, 12 Nov 2012 09:30:00 -0500"
FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One letter of a corpus.

    name: says what is special; one word with hyphens. content: the rest of the header, an empty line and the body; lines end with CRLF.
    without: fields that must stay away. hidden: why Python's email package does not find in it what is hidden there, when it does not.
    """

    name: str
    content: bytes
    without: Sequence[str] = ()
    hidden: str = ""

    def addressed(self, token: str, sender: str, to: str, date: str = "") -> bytes:
        """Return the letter with a token, and with those of the usual fields that it does not bring itself. date: now."""
        header = self.content.partition(b"\r\n\r\n")[0]
        own = {name.decode("ascii").lower() for name in FIELD.findall(header)} | {name.lower() for name in self.without}
        usual = {
            MARK: token,
            "From": sender,
            "To": to,
            "Subject": f"{self.name} {token}",
            "Date": date or email.utils.formatdate(),
            "Message-ID": f"<{token}@client.elsewhere.test>",
            "MIME-Version": "1.0",
        }
        first = "".join(f"{name}: {value}\r\n" for name, value in usual.items() if name.lower() not in own)
        return first.encode() + self.content


def crlf(text: str | bytes) -> bytes:
    """Return text as a letter carries it: lines end with CRLF."""
    data = text.encode() if isinstance(text, str) else text
    return re.sub(rb"\r?\n", b"\r\n", data)


def part(kind: str, body: bytes, *fields: str, encoding: str = "") -> bytes:
    """Write one body part: its fields, an empty line, its body as it stands."""
    lines = [f"Content-Type: {kind}"] if kind else []
    lines += [f"Content-Transfer-Encoding: {encoding}"] if encoding else []
    return crlf("\n".join([*lines, *fields]) + "\n\n") + body


def several(
    parts: Sequence[bytes],
    boundary: str = "=_between",
    *,
    kind: str = "mixed",
    declared: str = "",
    preamble: bytes = b"",
    end: bytes | None = None,
) -> bytes:
    """Write a multipart body with its own Content-Type.

    declared: the parameter as it stands in the field, when that is not boundary="…". end: the last line, when it is not the closing one.
    """
    mark = b"--" + boundary.encode()
    text = crlf(f"Content-Type: multipart/{kind}; {declared or f'boundary={chr(34)}{boundary}{chr(34)}'}\n\n")
    text += preamble + b"".join(mark + b"\r\n" + each + b"\r\n" for each in parts)
    return text + (mark + b"--\r\n" if end is None else end)


TEXT = part("text/plain; charset=us-ascii", b"Please see the attachment.\r\n")
