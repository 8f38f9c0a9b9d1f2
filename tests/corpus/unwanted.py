"""Letters that a filter stops although no virus is in them: spam, files of banned types, broken headers."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tests.corpus import containers as pack
from tests.corpus.eicar import attached
from tests.corpus.sample import LONG_AGO, TEXT, Sample, crlf, part, several

#: https://spamassassin.apache.org/gtube/, written backwards for the same reason as EICAR.
GTUBE = b"X43.C*LIAME-TSET-EBU-ITNA-DRADNATS-EBUTG*NENDI2*3NBSN.1NDAQBDJ4C*SJX"[::-1]

BODY = b"A letter as any other.\r\n"


def spam() -> list[Sample]:
    """Return letters with the generic test for unsolicited bulk mail."""
    text = b"Dear friend,\r\n\r\n" + GTUBE + b"\r\n"
    page = b"<html><body><p>Dear friend</p><p>" + GTUBE + b"</p></body></html>\r\n"
    return [
        Sample("gtube-text", part("text/plain; charset=us-ascii", text)),
        Sample("gtube-html", part("text/html; charset=utf-8", page)),
        Sample("gtube-base64", part("text/plain; charset=utf-8", pack.wrapped(text), encoding="base64")),
        Sample("gtube-quoted", part("text/plain; charset=utf-8", pack.all_quoted(text), encoding="quoted-printable")),
        Sample("gtube-alternative", several([part("text/plain", text), part("text/html", page)], kind="alternative")),
    ]


def program() -> bytes:
    """Return a program for Windows that does nothing: the headers by which file(1) knows it ([MS-DOS] stub, PE32, one section)."""
    dos = b"MZ" + struct.pack("<29HI", 0x90, 3, 0, 4, 0, 0xFFFF, 0, 0xB8, 0, 0, 0, 0x40, *[0] * 17, 0x80)
    stub = b"\x0e\x1f\xba\x0e\x00\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21This program cannot be run in DOS mode.\r\r\n$"
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x14C, 1, 0, 0, 0, 224, 0x102)
    sizes = [512, 0, 0, 4096, 4096, 8192, 0x400000, 4096, 512]  # of code and data, where they begin, how they are aligned
    memory = [0x100000, 0x1000, 0x100000, 0x1000, 0, 16]
    optional = struct.pack("<HBB9I6H4I2H6I", 0x10B, 6, 0, *sizes, 4, 0, 0, 0, 4, 0, 0, 8192, 512, 0, 2, 0, *memory)
    section = struct.pack("<8s6I2HI", b".text", 4096, 4096, 512, 512, 0, 0, 0, 0, 0x60000020)
    head = (dos + stub).ljust(0x80, b"\0") + coff + optional.ljust(224, b"\0") + section
    return head.ljust(512, b"\0") + b"\xc3".ljust(512, b"\0")


def banned() -> list[Sample]:
    """Return letters with files that nobody sends by mail for a good reason."""
    exe = program()
    # file(1) knows mail by its first field, and only by some: amavis by itself opens neither of these two.
    received = b"Received: from a.elsewhere.test by b.elsewhere.test; Mon, 12 Nov 2012 09:30:00 -0500\r\n"
    inner = Sample("inner", several([TEXT, attached(exe, "setup.exe")], "inside")).addressed(
        "inner", "a@elsewhere.test", "b@elsewhere.test", LONG_AGO
    )
    script = b"WScript.Echo('hello');\r\n"
    files = {
        "exe": attached(exe, "setup.exe", "application/x-msdownload"),
        "exe-renamed": attached(exe, "picture.png", "image/png"),
        "exe-in-zip": attached(pack.zipped({"setup.exe": exe}), "setup.zip", "application/zip"),
        "exe-renamed-in-zip": attached(pack.zipped({"readme.txt": exe}), "docs.zip", "application/zip"),
        "exe-in-zip-in-zip": attached(pack.nested_zip("setup.exe", exe, 2), "docs.zip", "application/zip"),
        "exe-in-tar-gz": attached(pack.gzipped(pack.tarred({"setup.exe": exe})), "docs.tgz", "application/gzip"),
        "double-extension": attached(b"harmless", "invoice.pdf.exe"),
        "double-extension-script": attached(script, "invoice.pdf.vbs"),
        "spaces-before-extension": attached(b"harmless", "invoice.pdf" + " " * 80 + ".scr"),
        "scr": attached(exe, "saver.scr"),
        "js": attached(script, "invoice.js", "text/javascript"),
        "js-in-zip": attached(pack.zipped({"invoice.js": script}), "invoice.zip", "application/zip"),
        "vbs": attached(script, "love-letter.vbs", "text/plain"),
        "bat": attached(b"@echo off\r\n", "run.bat", "text/plain"),
        "class-id": attached(b"harmless", "report.{3050f4d8-98B5-11CF-BB82-00AA00BDCE0B}"),
        "forwarded-exe": part("message/rfc822", received + inner),
        "forwarded-exe-after-another-field": part("message/rfc822", inner),
    }
    return [Sample(f"banned-{name}", several([TEXT, file])) for name, file in files.items()]


def _bad(name: str, lines: str | bytes, *without: str) -> Sample:
    fine = "MIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n"
    return Sample(name, crlf(lines) + crlf(fine) + BODY, without)


def bad_headers() -> Iterator[Sample]:
    """Yield letters whose header no program should write (RFC 5322, 2.2 and 3.6); amavis' minor classes in their names."""
    yield _bad("2-latin1-subject", b"Subject: Gr\xfc\xdfe\n")
    yield _bad("2-latin1-from", b"From: J\xfcrgen <writer@elsewhere.test>\n")
    yield _bad("2-koi8-header", b"X-Comment: \xf0\xd2\xc9\xd7\xc5\xd4\n")
    yield _bad("4-blank-fold", "X-Folded: first\n \t \n second\n")
    yield _bad("8-two-subjects", "Subject: one\nSubject: two\n")
    yield _bad("8-two-froms", "From: writer@elsewhere.test\nFrom: boss@elsewhere.test\n")
    yield _bad("8-three-dates", "Date: Mon, 12 Nov 2012 09:30:00 -0500\n" * 3)
    yield _bad("8-two-message-ids", "Message-ID: <one@elsewhere.test>\nMessage-ID: <two@elsewhere.test>\n")
    yield Sample("1-two-types", crlf("Content-Type: text/plain\nContent-Type: text/html\n\n") + BODY)
    yield Sample("1-boundary-missing", crlf("Content-Type: multipart/mixed\n\n") + BODY)


def mended_headers() -> Iterator[Sample]:
    """Yield letters that the filter would call bad, had Postfix not mended them before: it adds Date and From, and cuts a field at NUL."""
    yield _bad("3-nul", b"Subject: be\0fore\n")
    yield _bad("7-no-date", "", "Date")
    yield _bad("7-no-from", "", "From")
    yield _bad("7-nothing", "", "Date", "From", "To", "Message-ID", "Subject")


def careless_headers() -> Iterator[Sample]:
    """Yield letters whose header is wrong in ways that Postfix mends on the way to the filter; they may arrive."""
    fine = crlf("Content-Type: text/plain; charset=us-ascii\n\n") + BODY
    yield Sample("long-line", b"X-Long: " + b"a" * 3000 + b"\r\n" + fine)
    yield Sample("no-subject", fine, ["Subject"])
    yield Sample("no-to", fine, ["To"])
    yield Sample("no-message-id", fine, ["Message-ID"])
    yield Sample("utf8-subject", "Subject: Grüße\r\n".encode() + fine)
    yield Sample("space-before-colon", b"X-Comment : obsolete, and legal to read (RFC 5322, 4.5)\r\n" + fine)
