"""Logs as they really come: packed, cut short, through pipes, in pieces of any size, with fields that nobody would write by hand."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fates.fates import export, sources
from services.fates.fates.book import Book
from services.fates.fates.export import Cutter
from services.fates.fates.reading import read
from services.fates.fates.report import build
from services.fates.fates.sources import Lines, SourceError, from_command, from_file
from services.fates.tests.conftest import EXCHANGER, EXPORT, count, fates


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("bz2", bz2.compress)])
@pytest.mark.parametrize("original", [EXCHANGER, EXPORT])
def test_packed_logs(tmp_path: Path, ending: str, pack: Any, original: Path) -> None:
    content = original.read_bytes()
    if original == EXPORT:
        content = lzma.decompress(content)
    packed = tmp_path / f"log.{ending}"
    packed.write_bytes(pack(content))
    assert count(packed) == count(original)


def test_what_a_program_prints(tmp_path: Path) -> None:
    copy = tmp_path / "copy.gz"
    copy.write_bytes(gzip.compress(EXCHANGER.read_bytes()))
    for path in (EXCHANGER, EXPORT, copy):
        book = Book()
        assert read([from_command("a pipe", ["cat", str(path)])], book) == []
        book.close()
        assert fates(build(book), "message") == fates(count(EXCHANGER), "message")


def test_a_program_that_fails_is_told() -> None:
    faults = read([from_command("journal of mx9", ["sh", "-c", "exit 4"])], Book())
    assert faults == ["journal of mx9: sh -c 'exit 4' ended with status 4"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Nov 22 19:00:00 mx1 postfix/smtpd[1]: connect from x[192.0.2.1]\n", "no year"),
        (b'{"MESSAGE": "x"}\n', "-o json"),
        (b"nothing of the kind\n", "line 1"),
        (b"\x28\xb5\x2f\xfd rest", "zstd"),
        (b"\x00\x01\x02", "line 1"),
    ],
)
def test_what_is_no_log_is_refused_with_its_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "strange"
    path.write_bytes(content)
    faults = read([from_file(path)], Book())
    assert len(faults) == 1
    assert str(path) in faults[0]
    assert said in faults[0]


def test_a_log_that_is_not_there() -> None:
    with pytest.raises(SourceError, match=r"/nowhere/log: No such file"):
        from_file(Path("/nowhere/log"))


def test_an_empty_log_and_a_last_line_without_end(tmp_path: Path) -> None:
    empty, open_ended = tmp_path / "empty", tmp_path / "open"
    empty.write_bytes(b"")
    open_ended.write_bytes(EXCHANGER.read_bytes().rstrip(b"\n"))
    assert count(empty)["total"] == 0
    assert count(open_ended) == count(EXCHANGER)


def test_a_packed_log_that_ends_early_is_counted_so_far_and_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    packed = gzip.compress(EXCHANGER.read_bytes(), 1)
    path.write_bytes(packed[: len(packed) * 2 // 3])
    book = Book()
    faults = read([from_file(path)], book)
    book.close()
    assert len(faults) == 1
    assert faults[0].startswith(f"{path}: after line ")
    assert build(book)["total"] > 10


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=30))
def test_pieces_of_any_size(cuts: list[int]) -> None:
    text, journal = EXCHANGER.read_bytes(), lzma.decompress(EXPORT.read_bytes())[:60_000]
    journal = journal[: journal.rfind(b"\n\n") + 2]
    for content, cutter in ((text, Lines()), (journal, Cutter())):
        at, found, turn = 0, [], 0
        while at < len(content):
            size = cuts[turn % len(cuts)]
            found.append(cutter.cut(content[at : at + size]))
            at, turn = at + size, turn + 1
        found.append(cutter.rest())
        assert b"".join(found) == content


def binary(name: bytes, content: bytes) -> bytes:
    return name + b"\n" + struct.pack("<Q", len(content)) + content + b"\n"


ENTRY = b"__REALTIME_TIMESTAMP=1795374853867586\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER=postfix-outside/postscreen\nSYSLOG_PID=7\n"
CONNECT = ENTRY + b"MESSAGE=CONNECT from [192.0.2.1]:25000 to [192.0.2.25]:25\n\n"


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400), size=st.integers(1, 700))
def test_binary_fields_cannot_make_entries(content: bytes, size: int) -> None:
    """A field in its binary form may hold whole entries: they are its content."""
    evil = CONNECT + ENTRY + binary(b"MESSAGE", content + b"\n\n" + CONNECT + content) + binary(b"_CMDLINE", CONNECT) + b"\n" + CONNECT
    cutter, book = Cutter(), Book()
    for at in range(0, len(evil), size):
        book.journal(cutter.cut(evil[at : at + size]))
    book.journal(cutter.rest())
    book.close()
    assert not cutter.fault
    assert build(book)["reconciliation"][0]["begun"] == 2


def test_a_huge_field_is_passed_over(monkeypatch: Any) -> None:
    monkeypatch.setattr(export, "LARGEST", 1000)
    evil = CONNECT + ENTRY + binary(b"COREDUMP", b"\n\n" + CONNECT * 100) + b"MESSAGE=x\n\n" + CONNECT
    for size in (50, 4096):
        cutter, book = Cutter(), Book()
        for at in range(0, len(evil), size):
            book.journal(cutter.cut(evil[at : at + size]))
        book.journal(cutter.rest())
        book.close()
        assert build(book)["reconciliation"][0]["begun"] == 2


@pytest.mark.parametrize("length", [2**63, 2**40, 5000])
def test_a_field_that_is_longer_than_the_journal(tmp_path: Path, length: int) -> None:
    path = tmp_path / "evil.export"
    path.write_bytes(CONNECT + ENTRY + b"MESSAGE\n" + struct.pack("<Q", length) + b"short\n\n")
    book = Book()
    faults = read([from_file(path)], book)
    assert len(faults) == 1
    assert str(path) in faults[0]
    assert "field" in faults[0]


def test_a_line_that_never_ends_fills_no_memory(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sources, "CHUNK", 4096)
    monkeypatch.setattr(sources, "LONGEST", 10_000)
    path = tmp_path / "long"
    first, *rest = EXCHANGER.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"2026-11-22T19:00:00+00:00 mx1 postfix-outside/smtpd[1]: " + b"x" * 3_000_000 + b"\n" + b"".join(rest))
    source = from_file(path)
    blocks = [block for _, block in source.blocks()]
    assert max(len(block) for block in blocks) < 20_000
    assert sum(block.count(b"\n") for block in blocks) == len(rest) + 2
    assert fates(count(path), "message") == fates(count(EXCHANGER), "message")


def test_an_entry_that_never_ends(monkeypatch: Any) -> None:
    monkeypatch.setattr(export, "_LINES_ONLY", 10_000)
    cutter = Cutter()
    for _ in range(10):
        assert cutter.cut(b"FIELD=" + b"x" * 3000 + b"\n") == b""
    assert "does not end" in cutter.fault
