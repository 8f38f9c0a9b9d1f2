"""Digests of the files that commands and units depend on, wherever they come from."""

from __future__ import annotations

import os

from .picture import Entry, covers, digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Digests:
    """The files of the machine as they are after this run (or, in check mode, would be).

    A directory stands for the files that trees ship below it, not for what daemons and timers write there: tables they refresh
    by themselves must not look like a change of configuration. A path of a file stands for that file, whoever wrote it.
    """

    def __init__(self, entries: dict[str, Entry], others: Iterable[str], removed: Iterable[str]) -> None:
        """Take this tree's files, the paths that other trees own, and the paths that this run removes."""
        self._entries = entries
        self._others = set(others)
        self._removed = set(removed)
        self._known: dict[str, str] = {}

    def below(self, prefixes: Iterable[str]) -> dict[str, str]:
        """Return path → digest of every file that the prefixes stand for."""
        found: dict[str, str] = {}
        for prefix in prefixes:
            for path, entry in self._entries.items():
                if covers(prefix, path):
                    found[path] = entry.digest
            for path in self._others:
                if covers(prefix, path) and os.path.isfile(path):
                    found[path] = self._of_machine(path)
            if prefix not in found and prefix not in self._removed and os.path.isfile(prefix):
                found[prefix] = self._of_machine(prefix)
        return found

    def forget(self) -> None:
        """Look again: a command may have made files that a unit depends on."""
        self._known = {}

    def _of_machine(self, path: str) -> str:
        if path not in self._known:
            try:
                with open(path, "rb", 0) as stream:
                    self._known[path] = digest(stream.readall())
            except OSError:
                self._known[path] = "unreadable"
        return self._known[path]


def differing(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the paths that came, went or changed."""
    return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))
