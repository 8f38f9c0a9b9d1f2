"""Letters of several parts as programs of all kinds make them: pages, invitations, signatures, reports, files. All are welcome."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from tests.corpus import containers as pack
from tests.corpus.eicar import attached
from tests.corpus.sample import Sample, crlf, part, several
from tests.corpus.words import ENGLISH

PLAIN = part("text/plain; charset=utf-8", crlf(ENGLISH))
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>The library's letter</title>
<style>body {{ font: 16px/1.5 sans-serif }} td {{ padding: 1em }} .small {{ color: #555; font-size: 12px }}</style></head>
<body><table role="presentation" width="600"><tr><td><h1>The library's letter</h1>{image}
<p>Dear reader, the new opening hours begin on Monday: eight to eight on working days, ten to four on Saturdays.</p>
<ul><li>New books of the month</li><li>A lecture on maps of the eighteenth century</li><li>The café opens again</li></ul>
<p><a href="https://www.elsewhere.test/hours">All opening hours</a></p>
<p class="small">You read this because you asked for it. <a href="https://www.elsewhere.test/leave?u=1">Unsubscribe</a></p>
</td></tr></table></body></html>
"""


def png(size: int = 32, seed: int = 1) -> bytes:
    """Return a picture of noise (PNG, 5.2 and 11): true colour, no filter."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(3 * size) for _ in range(size))
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def page(image: str = "") -> bytes:
    """Return a newsletter's page as a part."""
    return part("text/html; charset=utf-8", pack.quoted(PAGE.format(image=image).encode()) + b"\r\n", encoding="quoted-printable")


def letters() -> Iterator[Sample]:
    """Yield letters of several parts."""
    yield from pages()
    yield from invitations()
    yield from signatures()
    yield from reports()
    yield from files()


def pages() -> Iterator[Sample]:
    """Yield HTML with and without a text beside it, with and without pictures."""
    both = several([PLAIN, page()], "alt", kind="alternative")
    yield Sample("html-and-text", both)
    yield Sample("html-only", page())
    leave = "List-Unsubscribe: <https://www.elsewhere.test/leave?u=1>, <mailto:leave@elsewhere.test>\n"
    leave += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    yield Sample("newsletter", crlf(f"Subject: The library's letter\n{leave}Precedence: bulk\n") + both)
    image = part("image/png", pack.wrapped(png()), "Content-ID: <logo@elsewhere.test>", "Content-Disposition: inline", encoding="base64")
    related = several([page('<img src="cid:logo@elsewhere.test" alt="Logo" width="32">'), image], "rel", kind="related")
    yield Sample("html-with-picture", several([PLAIN, related], "alt", kind="alternative"))
    inside = several([page('<img src="cid:logo@elsewhere.test" alt="Logo">'), image], "rel", kind="related")
    whole = several([PLAIN, inside], "alt", kind="alternative")
    yield Sample(
        "html-picture-and-file", several([whole, attached(pack.pdf("notes.txt", b"notes\n"), "minutes.pdf", "application/pdf")], "mix")
    )
    yield Sample("picture-between-texts", several([PLAIN, attached(png(64, 2), "photo.png", "image/png"), PLAIN], "apple"))
    yield Sample(
        "amp", several([PLAIN, part("text/x-amp-html", b"<!doctype html><html amp4email></html>\r\n"), page()], kind="alternative")
    )


def invitations() -> Iterator[Sample]:
    """Yield what calendars send (RFC 6047)."""
    event = "BEGIN:VEVENT\nUID:1@elsewhere.test\nDTSTAMP:20121112T093000Z\nDTSTART:20121115T100000Z\nSUMMARY:Committee\nEND:VEVENT\n"
    for method in ("REQUEST", "REPLY", "CANCEL"):
        text = crlf(f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//elsewhere//test//EN\nMETHOD:{method}\n{event}END:VCALENDAR\n")
        calendar = part(f"text/calendar; charset=utf-8; method={method}", text)
        parts = [several([PLAIN, page(), calendar], "alt", kind="alternative"), attached(text, "invite.ics", "application/ics")]
        yield Sample(f"calendar-{method.lower()}", several(parts, "mix"))
    card = crlf("BEGIN:VCARD\nVERSION:4.0\nFN:Walter Writer\nEMAIL:writer@elsewhere.test\nEND:VCARD\n")
    yield Sample("business-card", several([PLAIN, attached(card, "writer.vcf", "text/vcard")]))


def signatures() -> Iterator[Sample]:
    """Yield signed and encrypted mail; what is in the signature is noise, as it is to everybody without the key."""
    noise = random.Random(3).randbytes(900)
    armour = b"-----BEGIN PGP %s-----\r\n\r\n" + pack.wrapped(noise, 64) + b"=AbCd\r\n-----END PGP %s-----\r\n"
    signature = part("application/pgp-signature; name=signature.asc", armour % (b"SIGNATURE", b"SIGNATURE"))
    declared = 'boundary="sig"; micalg=pgp-sha512; protocol="application/pgp-signature"'
    yield Sample("pgp-signed", several([PLAIN, signature], "sig", kind="signed", declared=declared))
    secret = part("application/octet-stream; name=encrypted.asc", armour % (b"MESSAGE", b"MESSAGE"))
    declared = 'boundary="enc"; protocol="application/pgp-encrypted"'
    version = part("application/pgp-encrypted", b"Version: 1\r\n")
    yield Sample("pgp-encrypted", several([version, secret], "enc", kind="encrypted", declared=declared))
    der = b"\x30\x82\x04\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + noise
    smime = attached(der, "smime.p7s", "application/pkcs7-signature; name=smime.p7s")
    declared = 'boundary="smi"; protocol="application/pkcs7-signature"; micalg=sha-256'
    yield Sample("smime-signed", several([PLAIN, smime], "smi", kind="signed", declared=declared))
    yield Sample("smime-enveloped", attached(der, "smime.p7m", "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"))
    yield Sample(
        "key-attached", several([PLAIN, attached(armour % (b"PUBLIC KEY BLOCK", b"PUBLIC KEY BLOCK"), "key.asc", "application/pgp-keys")])
    )


def reports() -> Iterator[Sample]:
    """Yield what mail systems tell people (RFC 3464, RFC 8098, RFC 5965)."""
    original = crlf(
        "From: alma@elsewhere.test\nSubject: Lunch\nMessage-ID: <lunch@elsewhere.test>\nDate: Mon, 12 Nov 2012 09:30:00 -0500\n"
    )
    status = crlf(
        "Reporting-MTA: dns; mx.elsewhere.test\n\nFinal-Recipient: rfc822; nobody@elsewhere.test\nAction: failed\nStatus: 5.1.1\n"
    )
    daemon = crlf("From: MAILER-DAEMON@elsewhere.test\nSubject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\n")
    told = part("text/plain", crlf("This is the mail system at host mx.elsewhere.test.\nNobody of that name lives here.\n"))

    def report(kind: str, *parts: bytes) -> bytes:
        return several([told, *parts], "rep", kind="report", declared=f'boundary="rep"; report-type={kind}')

    machine = part("message/delivery-status", status)
    yield Sample("bounce", daemon + report("delivery-status", machine, part("message/rfc822", original + b"\r\nLunch?\r\n")))
    yield Sample("bounce-headers-only", daemon + report("delivery-status", machine, part("text/rfc822-headers", original)))
    read = crlf(
        "Reporting-UA: mail; test\nFinal-Recipient: rfc822;bela@elsewhere.test\nDisposition: manual-action/MDN-sent-manually; displayed\n"
    )
    yield Sample("read-receipt", report("disposition-notification", part("message/disposition-notification", read)))
    abuse = crlf("Feedback-Type: abuse\nUser-Agent: test/1\nVersion: 1\n")
    yield Sample(
        "feedback", report("feedback-report", part("message/feedback-report", abuse), part("message/rfc822", original + b"\r\nx\r\n"))
    )
    yield Sample("forwarded", several([PLAIN, part("message/rfc822", original + b"\r\nLunch?\r\n", "Content-Disposition: attachment")]))
    messages = [part("message/rfc822", original + f"\r\nNumber {number}\r\n".encode()) for number in range(12)]
    yield Sample("digest", several([told, several(messages, "dig", kind="digest")], "mix"))
    xml = b"<?xml version='1.0'?><feedback><report_metadata><org_name>elsewhere</org_name></report_metadata></feedback>"
    yield Sample("dmarc-report", several([told, attached(pack.gzipped(xml), "elsewhere.test!madstop.test!1!2.xml.gz", "application/gzip")]))


def files() -> Iterator[Sample]:
    """Yield files that people send each other every day."""
    noise = random.Random(5)
    source = {"src/main.c": b"int main(void) { return 0; }\n", "src/build.sh": b"#!/bin/sh\ncc main.c\n", "README": b"Read me.\n"}
    sheet = {"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": b"<worksheet/>"}
    kinds = {
        "minutes.pdf": (pack.pdf("agenda.txt", b"agenda\n"), "application/pdf"),
        "letter.docx": (
            pack.office({"word/styles.xml": b"<w:styles/>"}),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        "budget.xlsx": (pack.office(sheet), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        "text.odt": (pack.zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<a/>"}), "application/zip"),
        "photo.png": (png(200, 7), "image/png"),
        "photos.zip": (pack.zipped({f"photo{number}.png": png(24, number) for number in range(20)}), "application/zip"),
        "sources.tar.gz": (pack.gzipped(pack.tarred(source)), "application/gzip"),
        "table.csv": (b"a;b;c\r\n" * 2000, "text/csv"),
        "page.html": (b"<html><body><p>saved page</p></body></html>\n", "text/html"),
        "data.json": (b'{"a": [1, 2, 3]}\n', "application/json"),
        "log.txt.gz": (pack.gzipped(b"line\n" * 5000, "log.txt"), "application/gzip"),
        "recording.wav": (
            b"RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data\0\x10\0\0" + bytes(4096),
            "audio/wav",
        ),
        "noise.bin": (noise.randbytes(50_000), "application/octet-stream"),
        "winmail.dat": (pack.tnef("notes.txt", b"notes\r\n"), "application/ms-tnef"),
    }
    for name, (data, kind) in kinds.items():
        yield Sample(f"file-{name.replace('.', '-')}", several([PLAIN, attached(data, name, kind)]))
    yield Sample("file-only", attached(pack.pdf("a.txt", b"a"), "scan.pdf", "application/pdf"))
    yield Sample("file-of-two-megabytes", several([PLAIN, attached(noise.randbytes(2_000_000), "video.mp4", "video/mp4")]))
    yield Sample(
        "forty-files", several([PLAIN, *[attached(b"page\n" * number, f"page{number}.txt", "text/plain") for number in range(40)]])
    )
    name = "attachment; filename*0*=utf-8''%C3%9Cbersicht%20; filename*1*=%C5%81%C3%B3d%C5%BA.txt"
    yield Sample("file-name-rfc2231", several([PLAIN, attached(b"text\n", "x", "text/plain", name)]))
    uu = pack.uuencoded(b"An old friend's way to send a file.\n" * 20, "file.txt")
    yield Sample("file-uuencoded", part("text/plain", b"Here it is.\r\n\r\n" + uu))
