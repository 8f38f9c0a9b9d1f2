"""Letters made to wear a filter out: each must end in a verdict, in time and memory that have bounds."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator

from tests.corpus import containers as pack
from tests.corpus.eicar import EICAR, attached
from tests.corpus.sample import TEXT, Sample, crlf, part, several

MEGABYTE = 2**20


@functools.cache
def zeros(size: int) -> bytes:
    """Return so many zero bytes as gzip has them, without ever holding them: one compressed megabyte again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(MEGABYTE)
    return b"".join(packer.compress(block) for _ in range(size // MEGABYTE)) + packer.flush()


def too_many_files() -> Sample:
    """Return a letter with more files than a filter unpacks."""
    files = {f"f{number}": b"x" for number in range(20_000)}
    return Sample("twenty-thousand-files", several([TEXT, attached(pack.zipped(files), "files.zip", "application/zip")]))


def hostile() -> Iterator[Sample]:
    """Yield letters of a few hundred kilobytes at most, but for their number of parts."""
    # 256 MB in 250 kB, and the same again within an archive of 250 kB that is 600 bytes once compressed: 250 MB behind two doors.
    bomb = zeros(256 * MEGABYTE)
    yield Sample("bomb-gzip", several([TEXT, attached(bomb, "zeros.gz", "application/gzip")]))
    yield Sample("bomb-nested", several([TEXT, attached(pack.gzipped(pack.gzipped(bomb)), "zeros.gz.gz.gz", "application/gzip")]))
    copies = pack.zipped({f"{number}.gz": bomb for number in range(40)})  # 10 GB behind 10 MB
    yield Sample("bomb-10-gigabytes", several([TEXT, attached(copies, "zeros.zip", "application/zip")]))
    yield too_many_files()
    yield Sample("fifty-archives-deep", several([TEXT, attached(pack.nested_zip("x", b"x", 50), "deep.zip", "application/zip")]))
    cut = pack.zipped({"a.txt": bytes(range(256)) * 400}, comment=b"c")
    yield Sample("archive-cut", several([TEXT, attached(cut[: len(cut) // 2], "cut.zip", "application/zip")]))
    yield Sample("archive-lies-about-size", several([TEXT, attached(lying_zip(), "lies.zip", "application/zip")]))
    yield Sample("ten-thousand-parts", several([part("text/plain", b"x\r\n")] * 10_000))
    inner = part("text/plain", b"x\r\n")
    for level in range(200):
        inner = several([inner], f"level{level}")
    yield Sample("two-hundred-multiparts-deep", inner)
    message = b"\r\nx\r\n"
    for _ in range(100):
        message = b"Subject: again\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + message
    yield Sample("hundred-messages-deep", b"Content-Type: message/rfc822\r\n\r\n" + message)
    yield Sample("header-of-90-kilobytes", b"".join(b"X-Field-%d: %s\r\n" % (number, b"v" * 80) for number in range(950)) + TEXT)
    folded = b"X-Folded: " + b"\r\n\t".join([b"word" * 10] * 1500) + b"\r\n"
    yield Sample("field-of-60-kilobytes", folded + TEXT)
    yield Sample("thousand-recipients-in-to", b"To: " + b",\r\n ".join(b"p%d@elsewhere.test" % n for n in range(1000)) + b"\r\n" + TEXT)
    yield Sample(
        "type-with-thousand-parameters", crlf("Content-Type: text/plain; " + ";\n ".join(f"p{n}=v" for n in range(1000)) + "\n\nx\n")
    )
    yield Sample("boundary-is-a-prefix", several([several([TEXT], "ab"), TEXT], "a"))
    yield Sample("only-boundaries", crlf("Content-Type: multipart/mixed; boundary=x\n\n" + "--x\n" * 20_000))
    yield Sample("base64-of-noise", part("application/pdf", b"/" * 500_000, encoding="base64"))
    yield Sample("html-open-tags", part("text/html", crlf("<div>\n" * 20_000)))
    yield Sample("html-nested-comments", part("text/html", crlf("<!-- " * 5_000 + "\n" + " -->" * 5_000 + "\n")))
    yield Sample("long-lines", part("text/plain", b"word " * 100_000 + b"\r\n"))
    yield Sample("pdf-broken", several([TEXT, attached(pack.pdf("a", b"x" * 5000)[:400], "a.pdf", "application/pdf")]))


def lying_zip() -> bytes:
    """Return an archive whose directory promises four gigabytes where some bytes are."""
    data = bytearray(pack.zipped({"a.txt": b"text " * 100}))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = b"\xfe\xff\xff\xff"
    data[22:26] = b"\xfe\xff\xff\xff"
    return bytes(data)


def infected_and_hostile() -> Iterator[Sample]:
    """Yield the test virus among things that wear a filter out: no verdict may let it through."""
    decoys = [part("text/plain", b"x\r\n")] * 3000
    yield Sample("virus-behind-three-thousand-parts", several([*decoys, attached(EICAR, "eicar.com")]))
    pages = {f"p{number}": b"x" for number in range(1500)}
    yield Sample("virus-behind-fifteen-hundred-files", several([TEXT, attached(pack.zipped({**pages, "eicar.com": EICAR}), "files.zip")]))
    yield Sample("virus-beside-a-bomb", several([attached(zeros(256 * MEGABYTE), "zeros.gz"), attached(EICAR, "eicar.com")]))
    yield Sample("virus-twenty-zips-deep", several([TEXT, attached(pack.nested_zip("eicar.com", EICAR, 20), "deep.zip")]))
