"""Where logs come from: files, plain or compressed, standard input, journals of this machine and of others."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shlex
import subprocess
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from .export import Cutter, first_time

#: Bytes that are read at once: large enough that Python's own work per block vanishes, small enough for a processor's cache.
CHUNK = 1 << 17
#: A line longer than this is cut: Postfix's own have at most 2 kB, the filter's some more for each recipient.
LONGEST = 1 << 16
#: What a journal must tell of each line; everything else stays where it is.
FIELDS = "MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_HOSTNAME"
#: All of Postfix, amavis and Dovecot log to the mail facility (syslog(3): LOG_MAIL is 2).
JOURNAL = ("journalctl", "--quiet", "--output=export", f"--output-fields={FIELDS}", "SYSLOG_FACILITY=2")
_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}


class SourceError(Exception):
    """A log cannot be read; the message names it, the place in it and what is wrong, for the operator."""


class Source:
    """One log. ``blocks`` yields whole lines, or whole entries of a journal, in the order of the log."""

    def __init__(self, name: str, stream: IO[bytes], size: int = 0, process: subprocess.Popen[bytes] | None = None) -> None:
        """name: for messages. size: bytes of the stream as it is stored, 0 when unknown."""
        self.name = name
        self.size = size
        self.read = 0
        self._raw = stream
        self._process = process
        #: Whether this is a journal's export; known once something was read.
        self.export = False
        self._lines = 0
        #: Whether lines are counted for the message of a log that ends early: it costs, and a plain file does not.
        self._counted = True

    def blocks(self) -> Iterator[tuple[float, bytes]]:
        """Yield the time of the first line (seconds since 1970) and the block. Raises SourceError."""
        try:
            yield from self._blocks()
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as fault:
            raise SourceError(f"{self.name}: after line {self._lines}: {fault}") from fault
        if self._process is not None and self._process.wait() > 0:
            raise SourceError(f"{self.name}: {shlex.join(map(str, self._process.args))} ended with status {self._process.returncode}")  # type: ignore[arg-type]

    def _blocks(self) -> Iterator[tuple[float, bytes]]:
        stream, head = self._opened()
        if not head:
            return
        self.export = self._is_export(head)
        cutter = Cutter() if self.export else Lines()
        data = head
        while data:
            block = cutter.cut(data)
            if block:
                time = first_time(block) if self.export else _time(block)
                yield time, block
                if self._counted:
                    self._lines += block.count(b"\n")
            data = stream.read1(CHUNK)
            self._tell()
        block = cutter.rest()
        if block:
            yield (first_time(block) if self.export else _time(block)), block
        if cutter.fault:
            raise SourceError(f"{self.name}: after line {self._lines}: {cutter.fault}")

    def _tell(self) -> None:
        if self.size:
            self.read = self._raw.tell()

    def _opened(self) -> tuple[Any, bytes]:
        """Return the uncompressed stream and its beginning."""
        head = self._raw.read(6)
        kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")
        joined = io.BufferedReader(_Joined(head, self._raw), CHUNK)  # type: ignore[type-var]
        stream: Any = joined
        if not kind and self.size:
            self._raw.seek(0)
            self._counted = False
            stream = _Whole(self._raw)
        elif kind == "gzip":
            stream = gzip.GzipFile(fileobj=joined)
        elif kind == "xz":
            stream = lzma.LZMAFile(joined)  # noqa: SIM115, because it is closed with the stream below it
        elif kind == "bzip2":
            stream = bz2.BZ2File(joined)
        elif kind:
            raise SourceError(f"{self.name}: {kind} is not read here; uncompress it first")
        begin = b""
        while b"\n" not in begin.lstrip(b"\n") and len(begin) < LONGEST:
            more = stream.read1(CHUNK)
            if not more:
                break
            begin += more
        return stream, begin

    def _is_export(self, head: bytes) -> bool:
        line = head.lstrip(b"\n").partition(b"\n")[0]
        if line.startswith((b"__CURSOR=", b"__REALTIME_TIMESTAMP=", b"_", b"MESSAGE=")) and b"=" in line:
            return True
        word = line.partition(b" ")[0]
        if word[:4].isdigit() and word[4:5] == b"-" and b"T" in word:
            return False
        hint = "it is neither lines as 'journalctl -o short-iso' writes them nor 'journalctl -o export'"
        if word in (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"):
            hint = "its times have no year; have them written as ISO 8601 (rsyslog: RSYSLOG_FileFormat, journalctl: -o short-iso)"
        elif word[:1] == b"{":
            hint = "journalctl -o json is not read here; use -o export"
        raise SourceError(f"{self.name}: line 1: {hint}: {line[:60].decode('ascii', 'backslashreplace')!r}")

    def close(self) -> None:
        """End what was started."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._raw.close()


class _Whole:
    """A plain file: nothing stands between it and the reader."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.read1 = stream.read


class _Joined(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if self._head:
            data, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        elif isinstance(self._stream, io.BufferedReader):
            data = self._stream.read1(len(buffer))
        else:
            data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Lines:
    """Cuts a stream of text at ends of lines; a line that never ends does not fill the memory."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._rest = b""
        self._skip = False
        self.fault = ""

    def cut(self, data: bytes) -> bytes:
        """Take more of the stream and return the whole lines that it completes."""
        if self._skip:
            end = data.find(b"\n")
            if end < 0:
                return b""
            data, self._skip = data[end:], False
        end = data.rfind(b"\n") + 1
        if not end:
            self._rest += data[: max(LONGEST - len(self._rest), 0)]
            self._skip = len(self._rest) >= LONGEST
            return b""
        block = self._rest + memoryview(data)[:end]
        self._rest = data[end:]
        return block

    def rest(self) -> bytes:
        """Return the last line, which has no end."""
        rest, self._rest = self._rest, b""
        return rest and rest + b"\n"


def _time(block: bytes) -> float:
    try:
        return datetime.fromisoformat(block[: block.find(b" ")].decode("ascii")).timestamp()
    except ValueError:
        return 0.0


def from_file(path: Path) -> Source:
    """Open a file. Raises SourceError."""
    try:
        stream = path.open("rb", buffering=0)
        return Source(str(path), stream, path.stat().st_size)
    except OSError as fault:
        raise SourceError(f"{path}: {fault.strerror}") from fault


def from_stdin() -> Source:
    """Read standard input."""
    return Source("standard input", sys.stdin.buffer)


def from_command(name: str, command: Sequence[str]) -> Source:
    """Read what a program prints. Raises SourceError."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except OSError as fault:
        raise SourceError(f"{name}: {command[0]}: {fault.strerror}") from fault
    assert process.stdout is not None
    return Source(name, process.stdout, process=process)
