"""Archives and encodings around some bytes, made as they are asked for: no file of the repository holds one."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import io
import lzma
import quopri
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

# A day in the age of ZIP: 1980 is the first year that its clock knows.
DAY = (2012, 11, 12, 9, 30, 0)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """Return a ZIP archive of files, always the same bytes for the same files."""
    store = io.BytesIO()
    with zipfile.ZipFile(store, "w", method) as archive:
        archive.comment = comment
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, DAY)
            entry.compress_type = method
            archive.writestr(entry, data)
    return store.getvalue()


class Pipe(io.BytesIO):
    """A stream that cannot go back, as a web server's answer."""

    def seekable(self) -> bool:
        """Tell that it cannot."""
        return False

    def seek(self, _offset: int, _whence: int = 0, /) -> int:
        """Refuse."""
        raise io.UnsupportedOperation("seek")

    def tell(self) -> int:
        """Refuse."""
        raise io.UnsupportedOperation("tell")


def streamed_zip(name: str, data: bytes) -> bytes:
    """Return a ZIP archive whose sizes stand behind the data (APPNOTE 4.4.4, bit 3)."""
    store = Pipe()
    with zipfile.ZipFile(store, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, DAY), data, zipfile.ZIP_DEFLATED)
    return store.getvalue()


def nested_zip(name: str, data: bytes, depth: int) -> bytes:
    """Return a ZIP archive in a ZIP archive and so on."""
    for level in range(depth):
        data = zipped({name if level == 0 else f"level{level}.zip": data})
    return data


def tarred(files: Mapping[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """Return a tar archive of files."""
    store = io.BytesIO()
    with tarfile.open(fileobj=store, mode="w", format=form) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return store.getvalue()


def gzipped(data: bytes, name: str = "") -> bytes:
    """Return data as gzip has it, with the name of the file if one is given."""
    store = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=store, mtime=0) as archive:
        archive.write(data)
    return store.getvalue()


def compressed(data: bytes) -> dict[str, bytes]:
    """Return data by each compressor that this Python has."""
    return {"gz": gzipped(data), "bz2": bz2.compress(data), "xz": lzma.compress(data), "lzma": lzma.compress(data, lzma.FORMAT_ALONE)}


def cpio(name: str, data: bytes) -> bytes:
    """Return a cpio archive in the "new" portable form (cpio(5), newc)."""

    def entry(path: str, content: bytes) -> bytes:
        title = path.encode() + b"\0"
        numbers = [1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(title), 0]
        head = b"070701" + "".join(f"{number:08X}" for number in numbers).encode() + title
        return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)

    return entry(name, data) + entry("TRAILER!!!", b"")


def ar(files: Mapping[str, bytes]) -> bytes:
    """Return an ar archive (ar(5)), of which a Debian package is one."""
    text = b"!<arch>\n"
    for name, data in files.items():
        text += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return text


def cabinet(name: str, data: bytes) -> bytes:
    """Return a Microsoft cabinet with one file, stored as it is ([MS-CAB] 2)."""
    title = name.encode() + b"\0"
    header, folder, entry = 36, 8, 16 + len(title)
    block = struct.pack("<IHH", 0, len(data), len(data)) + data
    whole = header + folder + entry + len(block)
    text = struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, whole, 0, header + folder, 0, 3, 1, 1, 1, 0, 0, 0)
    text += struct.pack("<IHH", header + folder + entry, 1, 0)
    return text + struct.pack("<IIHHHH", len(data), 0, 0, 0x416C, 0x4BC0, 0x20) + title + block


def lha(name: str, data: bytes) -> bytes:
    """Return an LHA archive with one file, stored as it is (header of level 0)."""
    title = name.encode()
    rest = b"-lh0-" + struct.pack("<IIIBBB", len(data), len(data), 0x416C4BC0, 0x20, 0, len(title)) + title + struct.pack("<H", crc16(data))
    return bytes([len(rest), sum(rest) & 0xFF]) + rest + data + b"\0"


def crc16(data: bytes) -> int:
    """Return the checksum of LHA (CRC-16 with polynomial 0xA001)."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value


def seven_zip(name: str, data: bytes) -> bytes:
    """Return a 7z archive with one file, stored as it is (7zFormat.txt: signature header, packed stream, header)."""
    title = (name + "\0").encode("utf-16-le")
    size = bytes([len(data)])  # a number below 128 is one byte
    streams = b"\x04\x06\x00\x01\x09" + size + b"\x00"  # MainStreamsInfo: one packed stream at 0
    streams += b"\x07\x0b\x01\x00\x01\x01\x00\x0c" + size + b"\x00"  # one folder, one coder: copy
    streams += b"\x08\x0a\x01" + struct.pack("<I", zlib.crc32(data)) + b"\x00\x00"  # its checksum
    files = b"\x05\x01\x11" + bytes([len(title) + 1]) + b"\x00" + title + b"\x00"
    end = b"\x01" + streams + files + b"\x00"
    start = struct.pack("<QQI", len(data), len(end), zlib.crc32(end))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + data + end


def pdf(name: str, data: bytes) -> bytes:
    """Return a PDF of one empty page with a file attached, deflated (ISO 32000-1, 7.11.4)."""
    packed = zlib.compress(data)
    objects = [
        f"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[({name}) 4 0 R]>>>>>>".encode(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>",
        f"<</Type/Filespec/F({name})/EF<</F 5 0 R>>>>".encode(),
        f"<</Type/EmbeddedFile/Filter/FlateDecode/Length {len(packed)}>>stream\n".encode() + packed + b"\nendstream",
    ]
    text, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(text))
        text += f"{number} 0 obj".encode() + content + b"endobj\n"
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{place:010} 00000 n \n" for place in places)
    return text + table.encode() + f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(text)}\n%%EOF\n".encode()


def tnef(name: str, data: bytes) -> bytes:
    """Return a winmail.dat with one attachment ([MS-OXTNEF] 2.1.3)."""

    def attribute(level: int, identity: int, content: bytes) -> bytes:
        return struct.pack("<BII", level, identity, len(content)) + content + struct.pack("<H", sum(content) & 0xFFFF)

    text = struct.pack("<IH", 0x223E9F78, 1) + attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    text += attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    text += attribute(2, 0x00069002, struct.pack("<HIHHII", 1, 0xFFFFFFFF, 0, 0, 0, 0)[:14])
    return text + attribute(2, 0x00018010, name.encode() + b"\0") + attribute(2, 0x0006800F, data)


def office(files: Mapping[str, bytes]) -> bytes:
    """Return a word processor's document (OPC: ZIP with a list of types), with more files in it."""
    types = "".join(f'<Default Extension="{kind}" ContentType="{what}"/>' for kind, what in (("xml", "application/xml"), ("bin", "a/b")))
    xml = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    document = '<w:document xmlns:w="urn:w"><w:body><w:p><w:r><w:t>Minutes of the meeting</w:t></w:r></w:p></w:body></w:document>'
    return zipped({"[Content_Types].xml": f"{xml}<Types>{types}</Types>".encode(), "word/document.xml": (xml + document).encode(), **files})


def wrapped(data: bytes, width: int = 76) -> bytes:
    """Return data in base64, in lines of a width."""
    text = base64.b64encode(data)
    return b"".join(text[start : start + width] + b"\r\n" for start in range(0, len(text), width))


def quoted(data: bytes) -> bytes:
    """Return data as quoted-printable, every byte that may be one as itself."""
    return quopri.encodestring(data, quotetabs=True).replace(b"\n", b"\r\n")


def all_quoted(data: bytes, width: int = 24, form: str = "={:02X}") -> bytes:
    """Return data as quoted-printable with every byte written as a number, in soft lines."""
    text = [form.format(byte) for byte in data]
    return b"=\r\n".join("".join(text[start : start + width]).encode() for start in range(0, len(text), width)) + b"\r\n"


def uuencoded(data: bytes, name: str, begin: str = "begin 644", end: bytes = b"`\r\nend\r\n") -> bytes:
    """Return data as uuencode(1) writes it."""

    lines = [binascii.b2a_uu(data[start : start + 45], backtick=True).rstrip() + b"\r\n" for start in range(0, len(data), 45)]
    return f"{begin} {name}\r\n".encode() + b"".join(lines) + end
