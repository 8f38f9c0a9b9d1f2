"""What the tests share: real logs, and a short way to count them."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import Any

import pytest

from services.fates.fates.book import Book
from services.fates.fates.reading import read
from services.fates.fates.report import build
from services.fates.fates.sources import from_file

#: Lines of a Debian 13 machine with the exchanger's three stages, amavisd-new 2.13 and a made-up scanner: every fate was provoked.
DATA = Path(__file__).parent / "data"
EXCHANGER = DATA / "exchanger.log"
#: The same lines as the journal exports them, and the journals of three machines of the lab in the same minutes.
EXPORT = DATA / "exchanger.export.xz"
CLUSTER = [DATA / f"cluster-{machine}.export.xz" for machine in ("mx1", "hermes", "helios")]


def count(*paths: Path) -> dict[str, Any]:
    """Return the report on these logs; they must be read without a fault."""
    book = Book()
    assert read([from_file(path) for path in paths], book) == []
    book.close()
    return build(book)


def count_lines(lines: list[bytes], block: int = 0) -> dict[str, Any]:
    """Return the report on lines, read in blocks of this many lines."""
    book = Book()
    block = block or max(len(lines), 1)
    for at in range(0, len(lines), block):
        book.text(b"\n".join(lines[at : at + block]) + b"\n")
    book.close()
    return build(book)


def fates(report: dict[str, Any], unit: str) -> dict[str, int]:
    """Return what became of a unit."""
    found: dict[str, int] = report["units"].get(unit, {})
    return found


def agrees(report: dict[str, Any]) -> bool:
    """Tell whether every sum agrees."""
    return all(row["agrees"] for row in report["reconciliation"])


@pytest.fixture(scope="session")
def real() -> list[bytes]:
    """The lines of the exchanger."""
    return EXCHANGER.read_bytes().splitlines()


@pytest.fixture(scope="session")
def entries() -> list[bytes]:
    """The same as entries of a journal."""
    return [entry for entry in lzma.decompress(EXPORT.read_bytes()).split(b"\n\n") if entry]
