"""The harmless test virus of EICAR in a hundred disguises. Its text stands nowhere in these files: it is put together when it is needed."""

from __future__ import annotations

import base64
import tarfile
import zipfile
from collections.abc import Iterator

from tests.corpus import containers as pack
from tests.corpus.sample import LONG_AGO, TEXT, Sample, part, several

#: https://www.eicar.org/download-anti-malware-testfile/, written backwards: a scanner on the way must not stop this file.
EICAR = b"*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X"[::-1]

OCTETS = "application/octet-stream"


def attached(data: bytes, name: str, kind: str = OCTETS, disposition: str = "") -> bytes:
    """Return a part with a file in base64."""
    said = disposition or f'attachment; filename="{name}"'
    return part(kind, pack.wrapped(data), f"Content-Disposition: {said}", encoding="base64")


def letter(name: str, *parts: bytes, hidden: str = "", **how: object) -> Sample:
    """Return a letter of some text and the parts."""
    return Sample(name, several([TEXT, *parts], **how), hidden=hidden)  # type: ignore[arg-type]  # the keywords of several


def variants() -> list[Sample]:
    """Return every disguise; each is one that a filter is expected to see through."""
    return [*named(), *archived(), *encoded(), *spelt(), *shaped(), *enclosed()]


def named() -> Iterator[Sample]:
    """Yield the file as it is, under names and types that promise something else."""
    yield Sample("plain-body", part("text/plain; charset=us-ascii", EICAR + b"\r\n"))
    yield Sample("no-mime-at-all", b"\r\n" + EICAR + b"\r\n", without=["MIME-Version"])
    yield Sample("only-part", attached(EICAR, "eicar.dat"))
    names = {
        "file-com": "eicar.com",
        "file-txt": "minutes.txt",
        "file-jpg": "holiday.jpg",
        "double-extension": "invoice.pdf.exe",
        "double-extension-harmless": "invoice.exe.pdf",
        "spaces-before-extension": "invoice.pdf" + " " * 60 + ".exe",
        "dot-at-the-end": "report.exe.",
        "no-extension": "README",
        "control-in-name": "re\\x07port.doc",
        "path-in-name": "../../etc/cron.d/report",
        "class-id": "report.{3050f4d8-98B5-11CF-BB82-00AA00BDCE0B}",
        "very-long-name": "n" * 180 + ".txt",
    }
    for title, name in names.items():
        yield letter(title, attached(EICAR, name))
    types = ["image/jpeg", "text/html", "application/pdf", "video/mp4", "application/x-unheard-of", "text", "nonsense", "TEXT/PLAIN"]
    for number, kind in enumerate(types):
        yield letter(f"wrong-type-{number}", attached(EICAR, "file.bin", kind))
    yield letter("no-type", attached(EICAR, "file.bin", ""))
    yield letter("no-disposition", part(OCTETS, pack.wrapped(EICAR), encoding="base64"))
    yield letter("inline", attached(EICAR, "x", disposition="inline"))
    yield letter("name-by-rfc2231", attached(EICAR, "x", disposition="attachment; filename*=utf-8''%65icar.%63om"))
    yield letter("name-in-pieces", attached(EICAR, "x", disposition='attachment; filename*0="eic"; filename*1="ar.c"; filename*2="om"'))
    yield letter("name-in-encoded-words", attached(EICAR, "=?utf-8?B?ZWljYXIuY29t?="))


def archived() -> Iterator[Sample]:
    """Yield the file inside archives and compressors."""
    name, files = "eicar.com", {"eicar.com": EICAR}
    many = {f"page{number}.txt": b"harmless\n" * number for number in range(60)}
    archives = {
        "zip-deflated": pack.zipped(files),
        "zip-stored": pack.zipped(files, zipfile.ZIP_STORED),
        "zip-bzip2": pack.zipped(files, zipfile.ZIP_BZIP2),
        "zip-with-comment": pack.zipped(files, comment=b"The password is swordfish"),
        "zip-last-of-many": pack.zipped({**many, **files}),
        "zip-path": pack.zipped({"../../../tmp/eicar.com": EICAR}),
        "zip-unicode-name": pack.zipped({"Łódź – привет.com": EICAR}),
        "zip-no-name": pack.zipped({"x": EICAR}),
        "zip-streamed": pack.streamed_zip(name, EICAR),
        "zip-twice": pack.nested_zip(name, EICAR, 2),
        "zip-five-times": pack.nested_zip(name, EICAR, 5),
        "zip-behind-a-stub": b"MZ" + b"\0" * 510 + pack.zipped(files),
        "tar-ustar": pack.tarred(files),
        "tar-gnu": pack.tarred({"d" * 120 + "/eicar.com": EICAR}, tarfile.GNU_FORMAT),
        "tar-pax": pack.tarred({"ü" * 80 + "/eicar.com": EICAR}, tarfile.PAX_FORMAT),
        "gz-with-name": pack.gzipped(EICAR, "eicar.com"),
        "gz-thrice": pack.gzipped(pack.gzipped(pack.gzipped(EICAR))),
        "zip-in-tar-gz": pack.gzipped(pack.tarred({"inner.zip": pack.zipped(files)})),
        "tar-gz-in-zip": pack.zipped({"inner.tgz": pack.gzipped(pack.tarred(files))}),
        "cpio": pack.cpio(name, EICAR),
        "ar": pack.ar({"debian-binary": b"2.0\n", "eicar.com/": EICAR}),
        "cabinet": pack.cabinet(name, EICAR),
        "lha": pack.lha(name, EICAR),
        "7z": pack.seven_zip(name, EICAR),
        "pdf-attachment": pack.pdf("eicar.txt", EICAR),
        "tnef": pack.tnef("eicar.txt", EICAR),
        "office-embedded": pack.office({"word/embeddings/oleObject1.bin": EICAR}),
        "office-in-zip": pack.zipped({"a.docx": pack.office({"word/media/image1.png": EICAR})}),
        "opendocument": pack.zipped(
            {"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<a/>", "Pictures/1.png": EICAR}
        ),
        "jar": pack.zipped({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n", "eicar.class": EICAR}),
    }
    text = b"A line that is worth compressing.\n" * 40 + EICAR
    archives |= {f"compressed-{kind}": data for kind, data in pack.compressed(text).items()}
    archives |= {f"tar-{kind}": data for kind, data in pack.compressed(pack.tarred(files)).items()}
    reason = "Python's email package opens no archive"
    for title, data in archives.items():
        # What is stored as it is stands in the file for everybody to see.
        yield letter(title, attached(data, f"{title}.dat"), hidden="" if EICAR in data else reason)
    yield letter("zip-called-jpg", attached(archives["zip-deflated"], "photo.jpg", "image/jpeg"), hidden=reason)
    yield letter("zip-called-txt", attached(archives["zip-deflated"], "notes.txt", "text/plain"), hidden=reason)


def encoded() -> Iterator[Sample]:
    """Yield base64, quoted-printable and uuencode as no good program writes them."""
    text = base64.b64encode(EICAR)
    bare = text.rstrip(b"=")
    forms = {
        "lines-of-one": b"".join(text[place : place + 1] + b"\r\n" for place in range(len(text))),
        "lines-of-three": pack.wrapped(EICAR, 3),
        "lines-of-four": pack.wrapped(EICAR, 4),
        "lines-of-61": pack.wrapped(EICAR, 61),
        "one-line": text + b"\r\n",
        "no-padding": bare + b"\r\n",
        "too-much-padding": bare + b"====\r\n",
        "empty-lines": text[:20] + b"\r\n\r\n\r\n" + text[20:] + b"\r\n",
        "spaces": b" ".join(text[place : place + 8] for place in range(0, len(text), 8)) + b"\r\n",
        "tabs-and-spaces": b"\t  " + text[:30] + b" \t \r\n \t" + text[30:] + b"   \r\n",
        "junk": text[:10] + b"!*#" + text[10:40] + b"\x7f~" + text[40:] + b"\r\n",
        "eight-bit-junk": text[:24] + b"\xe4\xf6" + text[24:] + b"\r\n",
        "text-behind": text + b"\r\n\r\nThis mail was checked by nobody.\r\n",
        "padding-apart": bare + b"\r\n=\r\n",
    }
    for title, body in forms.items():
        yield letter(f"base64-{title}", part(OCTETS, body, encoding="base64"))
    for number, word in enumerate(["BASE64", "bAsE64", "base64 (of course)", "\tbase64  ", "\n base64", "base64;"]):
        hidden = "Python knows only the bare word (RFC 2045 allows comments, 6.1)" if number > 1 else ""
        yield letter(f"base64-spelt-{number}", part(OCTETS, pack.wrapped(EICAR), encoding=word), hidden=hidden)
    yield letter("base64-large", attached(b"A" * 300_000 + EICAR + b"B" * 1000, "large.bin"))
    yield letter("quoted", part(OCTETS, pack.quoted(EICAR), encoding="quoted-printable"))
    yield letter("quoted-all", part(OCTETS, pack.all_quoted(EICAR), encoding="quoted-printable"))
    yield letter("quoted-small-letters", part(OCTETS, pack.all_quoted(EICAR, form="={:02x}"), encoding="Quoted-Printable"))
    yield letter("quoted-one-a-line", part(OCTETS, pack.all_quoted(EICAR, 1), encoding="quoted-printable"))
    yield letter(
        "quoted-spaces-at-ends",
        part(OCTETS, pack.all_quoted(EICAR).replace(b"=\r\n", b"= \t\r\n"), encoding="quoted-printable"),
        hidden="Python keeps white space that RFC 2045 tells to delete (6.7, 3)",
    )
    uu = pack.uuencoded(EICAR, "eicar.com")
    yield letter("uuencode-declared", part(OCTETS, uu, encoding="x-uuencode"))
    reason = "Python's email package does not look for uuencode in text"
    yield Sample("uuencode-body", part("text/plain", uu), hidden=reason)
    yield Sample("uuencode-no-mime", b"\r\n" + b"See below.\r\n\r\n" + uu, without=["MIME-Version"], hidden=reason)


def spelt() -> Iterator[Sample]:
    """Yield character sets and texts around it."""
    for charset in ["utf-8", "iso-2022-jp", "koi8-r", "x-user-defined", "utf-7", "windows-1252", "''", "utf-16"]:
        yield letter(f"charset-{charset.strip(chr(39)) or 'empty'}", attached(EICAR, "a.txt", f"text/plain; charset={charset}"))
    yield letter("byte-order-mark", attached(b"\xef\xbb\xbf" + EICAR, "a.txt", "text/plain; charset=utf-8"))
    page = b"<html><head><title>x</title></head><body><pre>" + EICAR + b"</pre></body></html>"
    yield Sample("html-body", part("text/html; charset=utf-8", page + b"\r\n"))
    yield letter("html-attached", attached(page, "page.html", "text/html"))
    yield letter("html-comment", attached(b"<p>hello</p><!-- " + EICAR + b" -->", "page.htm", "text/html"))
    yield letter("html-script", attached(b"<script>var a='" + EICAR + b"';</script>", "page.html", "text/html"))
    yield letter("in-the-middle", attached(b"some text before\n" + EICAR + b"\nand after\n", "a.txt", "text/plain"))
    yield letter("calendar", attached(b"BEGIN:VCALENDAR\r\nDESCRIPTION:" + EICAR + b"\r\nEND:VCALENDAR\r\n", "a.ics", "text/calendar"))
    yield letter("svg", attached(b'<svg xmlns="http://www.w3.org/2000/svg"><desc>' + EICAR + b"</desc></svg>", "a.svg", "image/svg+xml"))


def shaped() -> Iterator[Sample]:
    """Yield multipart messages as they must not be."""
    file = attached(EICAR, "eicar.com")
    yield letter("no-final-boundary", file, end=b"")
    yield letter("final-boundary-cut", file, end=b"--=_between-\r\n")
    yield letter("preamble", file, preamble=b"This is a message in MIME format.\r\n\r\n")
    yield letter("preamble-like-a-part", file, preamble=b"Content-Type: text/plain\r\n\r\nnothing here\r\n")
    yield letter("boundary-without-quotes", file, boundary="simple", declared="boundary=simple")
    yield letter("boundary-with-spaces-around", file, boundary="simple", declared='boundary = "simple"')
    yield letter("boundary-in-capitals", file, boundary="simple", declared='BOUNDARY="simple"')
    yield letter("boundary-last-parameter", file, boundary="simple", declared='charset="utf-8"; type="x/y"; boundary="simple"')
    yield letter("boundary-of-70", file, boundary="b" * 70)
    yield letter("boundary-of-dashes", file, boundary="-" * 40)
    yield letter("boundary-with-signs", file, boundary="'()+_,-./:=?")
    yield letter("boundary-folded", file, boundary="simple", declared='\n\tboundary="simple"')
    yield letter("boundary-white-behind", file, end=b"--=_between--  \t\r\n")
    yield letter("kind-unheard-of", file, kind="x-unheard-of")
    for kind in ("alternative", "related", "parallel", "report", "signed", "form-data"):
        yield letter(f"kind-{kind}", file, kind=kind)
    yield letter("first-of-many", file, *[attached(b"harmless", f"{number}.txt") for number in range(50)])
    yield letter("last-of-many", *[attached(b"harmless", f"{number}.txt") for number in range(50)], file)
    inner = file
    for level in range(12):
        inner = several([inner], f"level{level}")
    yield Sample("multipart-in-multipart", several([TEXT, inner], "outer"))
    yield letter("same-boundary-inside", several([file], "=_between"))
    twice = several([TEXT, file], "second").replace(b"multipart/mixed;", b'multipart/mixed; boundary="first";', 1)
    yield Sample("two-boundaries", twice, hidden="Python takes the first boundary, which nothing uses")
    yield letter("no-mime-version", file)
    yield Sample("mime-version-away", several([TEXT, file]), without=["MIME-Version"])
    yield letter("part-without-header", b"\r\n" + EICAR)


def enclosed() -> Iterator[Sample]:
    """Yield messages within messages."""
    inner = Sample("inner", several([TEXT, attached(EICAR, "eicar.com")], "inside")).addressed(
        "inner", "a@elsewhere.test", "b@elsewhere.test", LONG_AGO
    )
    yield letter("forwarded", part("message/rfc822", inner, "Content-Disposition: attachment"))
    yield letter(
        "forwarded-in-base64", part("message/rfc822", pack.wrapped(inner), encoding="base64"), hidden="RFC 2046 forbids it (5.2.1)"
    )
    yield letter("forwarded-as-eml", attached(inner, "message.eml"), hidden="the message is a file to Python")
    nested = inner
    for level in range(5):
        nested = several([TEXT, part("message/rfc822", nested)], f"fwd{level}")
        nested = b"From: a@elsewhere.test\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n" + nested
    yield letter("forwarded-five-times", part("message/rfc822", nested))
    yield letter("digest", part("message/rfc822", inner), kind="digest")
    yield letter(
        "returned", part("message/delivery-status", b"Reporting-MTA: dns; x.test\r\n"), part("message/rfc822", inner), kind="report"
    )
    yield letter("eml-in-zip", attached(pack.zipped({"m.eml": inner}), "m.zip"), hidden="Python's email package opens no archive")
