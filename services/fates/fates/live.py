"""Follow journals while they are written."""

from __future__ import annotations

import argparse
import os
import selectors
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from .book import Book
from .export import Cutter
from .report import Report, build
from .sources import CHUNK, JOURNAL, SourceError


def commands(given: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return name and command of each journal that the options name."""
    follow = [*JOURNAL, "--follow", *(["--since", given.since] if given.since else ["--lines=0"])]
    if not given.machine:
        return [("journal", follow)]
    return [(f"journal of {host}", [*shlex.split(given.ssh), host, shlex.join(follow)]) for host in given.machine]


def follow(given: argparse.Namespace, book: Book, finish: Callable[[Report], None]) -> int:
    """Read until interrupted or until every journal has ended, with a line now and then. Raises SourceError."""
    if given.logs:
        raise SourceError("--live follows journals; it reads no files")
    return watch(commands(given), given, book, finish)


def watch(found: Sequence[tuple[str, list[str]]], given: argparse.Namespace, book: Book, finish: Callable[[Report], None]) -> int:
    """Follow these programs' output."""
    selector = selectors.DefaultSelector()
    running: list[subprocess.Popen[bytes]] = []
    for name, command in found:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        except OSError as fault:
            raise SourceError(f"{name}: {command[0]}: {fault.strerror}") from fault
        running.append(process)
        assert process.stdout is not None
        selector.register(process.stdout, selectors.EVENT_READ, Cutter())
    due = time.monotonic() + given.every
    try:
        while selector.get_map():
            for key, _ in selector.select(max(due - time.monotonic(), 0)):
                data = os.read(key.fd, CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                elif block := key.data.cut(data):
                    book.journal(block)
            if time.monotonic() >= due:
                due = time.monotonic() + given.every
                _say(book)
    except KeyboardInterrupt:
        pass
    finally:
        for process in running:
            process.terminate()
            process.wait()
    book.close()
    finish(build(book, given.top))
    return 0


def _say(book: Book) -> None:
    report = build(book)
    waiting = sum(len(machine.queue) for machine in book.machines.values())
    told = ", ".join(f"{row['fate']} {row['count']:,}" for row in report["fates"]) or "nothing yet"
    print(f"{time.strftime('%H:%M:%S')}  {told}; {waiting:,} queue entries open", file=sys.stderr, flush=True)
