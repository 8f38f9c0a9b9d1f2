"""Clean mails of the shapes that universities see. A signature that finds something in them would stop half of the mail."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

_TEXT = """Dear colleagues,

the minutes of last week's meeting are attached. The next one is on Tuesday at ten in room 2.14; please tell Jane if you cannot come.
The programme stands at https://www.example.org/programme/2026?session=3 and the form at <http://forms.example.org/a/b.html>.

Kind regards
John Smith
--
Department of Physics, tel. +1 555 0100, mailto:john.smith@example.org
"""
_HTML = """<!DOCTYPE html><html><head><meta charset="utf-8"><style>p { color: #222; font-family: Arial, sans-serif }</style></head>
<body><p>Dear colleagues,</p><table><tr><td><a href="https://www.example.org/?utm=1">Read more</a></td></tr></table>
<p>Grüße aus Zürich &amp; 東京</p><img src="cid:logo" alt="logo"></body></html>
"""
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1@example.org\r\nDTSTART:20261124T100000Z\r\n"
    "SUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def _message(subject: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Received"] = "from client.example.org (client.example.org [192.0.2.1]) by mx.example.net (Postfix) with ESMTPS id 4XYZ"
    message["From"] = "John Smith <john.smith@example.org>"
    message["To"] = "staff@example.net"
    message["Subject"] = subject
    message["Date"] = "Sun, 22 Nov 2026 10:00:00 +0000"
    message["Message-ID"] = "<20261122100000.1@example.org>"
    message["DKIM-Signature"] = "v=1; a=rsa-sha256; d=example.org; s=s1; h=from:to:subject; bh=AAAA; b=BBBB"
    message.set_content(_TEXT)
    return message


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("minutes.txt", _TEXT)
        archive.writestr("figures/table.csv", "name,value\nA,1\nB,2\n")
    return buffer.getvalue()


def write(folder: Path) -> list[Path]:
    """Write the mails into a folder and return their paths."""
    plain = _message("Minutes")
    rich = _message("Newsletter: Grüße")
    rich.add_alternative(_HTML, subtype="html")
    rich.get_payload()[1].add_related(_GIF, "image", "gif", cid="<logo>")  # type: ignore[index,union-attr]  # the alternative just made
    attached = _message("Invitation")
    attached.add_attachment(_PDF, maintype="application", subtype="pdf", filename="programme.pdf")
    attached.add_attachment(_archive(), maintype="application", subtype="zip", filename="minutes.zip")
    attached.add_attachment(_CALENDAR, subtype="calendar", filename="invite.ics")
    forwarded = _message("Fwd: Minutes")
    forwarded.add_attachment(plain)
    paths = []
    for name, message in {"plain": plain, "rich": rich, "attached": attached, "forwarded": forwarded}.items():
        path = folder / f"clean-{name}.eml"
        path.write_bytes(message.as_bytes())
        paths.append(path)
    return paths
