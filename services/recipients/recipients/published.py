"""The table as Postfix reads it."""

from __future__ import annotations

import struct
from pathlib import Path

from posthouse import disk

from . import cdb


class Published:
    """What lies at a path, and whether it still does: somebody may remove a file, or cut it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: What was last read or written here.
        self.records: dict[bytes, bytes] = {}
        self._seen: tuple[int, int, int] | None = None

    def read(self) -> dict[bytes, bytes]:
        """Return the records of the file. Raises OSError when there is none and ValueError when it is broken."""
        try:
            self.records = dict(cdb.Reader(self.path).items())
        except struct.error as fault:
            raise ValueError(f"{self.path} is cut: {fault}") from fault
        # A file that lacks a part of its index still shows all its records: it serves as well as it can, and is written anew.
        if cdb.build(self.records) == self.path.read_bytes():
            self._seen = self._look()
        return self.records

    def write(self, records: dict[bytes, bytes]) -> bool:
        """Write records unless they lie there already, and tell whether that was necessary. Raises OSError; the old file then stays."""
        if records == self.records and self._seen and self._seen == self._look():
            return False
        disk.replace(self.path, cdb.build(records), 0o640)
        self.records, self._seen = records, self._look()
        return True

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
