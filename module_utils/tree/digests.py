"""Digests of the files that commands and units depend on, wherever they come from."""

from __future__ import annotations

import os
from hashlib import sha256

from .picture import Entry, covers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Digests:
    """The files of the machine as they are after this run (or, in check mode, would be)."""

    def __init__(self, entries: dict[str, Entry], removed: Iterable[str]) -> None:
        self._entries = entries
        self._removed = set(removed)
        self._known: dict[str, str] = {}

    def below(self, prefixes: Iterable[str]) -> dict[str, str]:
        """Return path → digest of every file at or below the prefixes."""
        found = {}
        for prefix in prefixes:
            for path in _walk(prefix):
                if path not in self._entries and path not in self._removed:
                    found[path] = self._of_machine(path)
            for path in self._entries:
                if covers(prefix, path):
                    found[path] = self._of_entry(path)
        return found

    def _of_entry(self, path: str) -> str:
        if path not in self._known:
            entry = self._entries[path]
            self._known[path] = digest(entry.content if entry.link is None and entry.content is not None else (entry.link or "").encode())
        return self._known[path]

    def _of_machine(self, path: str) -> str:
        if path not in self._known:
            try:
                with open(path, "rb", 0) as stream:
                    self._known[path] = digest(stream.readall())
            except OSError:
                self._known[path] = "unreadable"
        return self._known[path]


def digest(content: bytes) -> str:
    """Return a digest short enough to keep the state file small; it need not resist an attacker who is root already."""
    return sha256(content).hexdigest()[:32]


def differing(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the paths that came, went or changed."""
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))


def _walk(prefix: str) -> Iterator[str]:
    if os.path.isdir(prefix):
        for directory, _, names in os.walk(prefix):
            for name in names:
                path = f"{directory}/{name}"
                if os.path.isfile(path):
                    yield path
    elif os.path.isfile(prefix):
        yield prefix
