"""Read the journal's export format (systemd: docs/JOURNAL_EXPORT_FORMATS.md)."""

from __future__ import annotations

import struct

#: A field larger than this (a core dump, say) is passed over without being kept.
LARGEST = 1 << 20
_LINES_ONLY = 1 << 24
_KEPT = 1 << 16


class Cutter:
    """Cuts a stream of entries between entries, and writes fields with line ends or control characters as one line each.

    A field in its binary form has its length, eight bytes, before it: the highest of them are always zero, and a zero byte never
    stands in a field in its text form. So a block without one can be cut at its empty lines, at the speed of a search.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rest = b""
        self._skip = 0
        #: Lines of an entry whose rest has not come yet.
        self._entry: list[bytes] = []
        self.fault = ""

    def cut(self, data: bytes) -> bytes:
        """Take more of the stream and return the whole entries that it completes, each followed by an empty line."""
        if self._skip:
            passed = min(self._skip, len(data))
            self._skip -= passed
            data = data[passed:]
        data = self._rest + data
        if not self._entry and b"\0" not in data:
            end = data.rfind(b"\n\n") + 2
            if end == 1:
                end = 0
            self._rest = data[end:]
            if len(self._rest) > _LINES_ONLY:
                self.fault = self.fault or "an entry of the journal does not end; what was read of it is left out"
                self._rest = b""
            return data[:end]
        done, used = self._carefully(data)
        self._rest = data[used:]
        return done

    def _carefully(self, data: bytes) -> tuple[bytes, int]:
        done: list[bytes] = []
        entry, at = self._entry, 0
        while True:
            end = data.find(b"\n", at)
            if end < 0:
                break
            line = data[at:end]
            if not line:
                if entry:
                    done.append(b"\n".join(entry) + b"\n\n")
                    entry.clear()
                at = end + 1
            elif b"=" in line:
                entry.append(line[:_KEPT])
                at = end + 1
            else:
                following = self._binary(data, line, end + 1)
                if following < 0:
                    break
                at = following
                if at > len(data):
                    self._skip, at = at - len(data), len(data)
                    break
        if len(data) - at > _LINES_ONLY:
            self.fault = self.fault or "an entry of the journal does not end; what was read of it is left out"
            entry.clear()
            at = len(data)
        return b"".join(done), at

    def _binary(self, data: bytes, name: bytes, at: int) -> int:
        """Take a binary field whose length stands at data[at:]. Returns where the next line begins, -1 when more is needed."""
        if len(data) < at + 8:
            return -1
        (length,) = struct.unpack_from("<Q", data, at)
        end = at + 8 + length
        if end + 1 > len(data) and length <= LARGEST:
            return -1
        if length <= LARGEST:
            value = data[at + 8 : min(end, at + 8 + _KEPT)]
            self._entry.append(name + b"=" + value.replace(b"\n", b" ").replace(b"\0", b"?"))
        return int(end) + 1

    def rest(self) -> bytes:
        """Return the last entry when only its empty line is missing."""
        if self._skip:
            self.fault = self.fault or f"the journal ends {self._skip} bytes before the end of a field"
            return b""
        if not (self._rest or self._entry):
            return b""
        block = self.cut(b"\n\n")
        if self._rest.strip():
            self.fault = self.fault or "the journal ends in the middle of a field"
        return block


def value(entry: bytes, field: bytes) -> bytes:
    """Return a field of an entry. field: with the line end before it and the equals sign, e.g. b"\\nMESSAGE="."""
    start = entry.find(field)
    if start < 0:
        return b""
    start += len(field)
    end = entry.find(b"\n", start)
    return entry[start:end] if end >= 0 else entry[start:]


def first_time(block: bytes) -> float:
    """Return the time of the first entry, in seconds since 1970."""
    digits = value(b"\n" + block[:4096], b"\n__REALTIME_TIMESTAMP=")
    return int(digits) / 1e6 if digits.isdigit() and len(digits) < 20 else 0.0
