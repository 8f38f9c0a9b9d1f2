"""Read several logs side by side, so that what one machine hands to another is heard of in about the order in which it happened."""

from __future__ import annotations

import gc
import heapq
import sys
import time
from collections.abc import Iterator, Sequence

from .book import Book
from .sources import Source, SourceError

#: Seconds between two signs of life.
_BEAT = 2.0


class Progress:
    """Says on standard error how far the reading is, when it takes long."""

    def __init__(self, sources: Sequence[Source], shown: bool) -> None:
        """shown: whether to say anything at all."""
        self._sources = sources
        self._shown = shown
        self._began = self._said = time.monotonic()
        self._whole = sum(source.size for source in sources)
        self._line = False

    def beat(self, lines: int) -> None:
        """Say it, if it is time."""
        now = time.monotonic()
        if not self._shown or now - self._said < _BEAT:
            return
        self._said = now
        done = sum(source.read for source in self._sources)
        share = f"{done * 100 // self._whole} %, " if self._whole else ""
        print(f"\rfates: {share}{lines:,} lines, {now - self._began:.0f} s ", end="", file=sys.stderr, flush=True)
        self._line = True

    def end(self) -> None:
        """Leave the line."""
        if self._line:
            print(file=sys.stderr)


def read(sources: Sequence[Source], book: Book, shown: bool = False) -> list[str]:
    """Read everything into the book. Returns what went wrong: a log that ends early is counted as far as it goes."""
    # What is dropped here is dropped by reference counts; looking for cycles among what is open finds none and costs a fiftieth.
    gc.disable()
    try:
        return _read(sources, book, shown)
    finally:
        gc.enable()


def _read(sources: Sequence[Source], book: Book, shown: bool) -> list[str]:
    faults: list[str] = []
    progress = Progress(sources, shown)
    waiting: list[tuple[float, int, bytes, Iterator[tuple[float, bytes]]]] = []

    def following(number: int, blocks: Iterator[tuple[float, bytes]]) -> None:
        try:
            found = next(blocks, None)
        except SourceError as fault:
            faults.append(str(fault))
            found = None
        if found is not None:
            heapq.heappush(waiting, (found[0], number, found[1], blocks))

    for number, source in enumerate(sources):
        following(number, source.blocks())
    if len(sources) > 1:
        for _, number, block, _ in waiting:
            book.introduce(block, sources[number].export)
    while waiting:
        _, number, block, blocks = heapq.heappop(waiting)
        (book.journal if sources[number].export else book.text)(block)
        del block
        progress.beat(book.lines)
        following(number, blocks)
    progress.end()
    return faults
