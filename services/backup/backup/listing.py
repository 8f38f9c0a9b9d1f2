"""What lies in a mailbox: every letter with its hash, flags and dates, as `doveadm fetch` tells it whatever the format on disk is.

A letter that cannot be read is told as such, with the reason, and the others all the same.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO

from posthouse.copyletter import digest

from . import doveadm

_KNOWN = ["uid", "guid", "flags", "date.received", "date.saved"]
_NAMES = [*_KNOWN, "size.physical"]
#: Letters that one command is asked for: where one cannot be read, the others are asked for again.
_AT_ONCE = 1000
_END = b"\f\n"


class ListingError(RuntimeError):
    """A mailbox cannot be listed; the message says why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter. fault: why it cannot be read, or nothing. Dates as doveadm writes them, of the zone that the process has."""

    uid: int
    guid: str = ""
    flags: frozenset[str] = frozenset()
    received: str = ""
    saved: str = ""
    size: int = 0
    sha256: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, by its name with / between levels. guid: by which doveadm finds it whatever its name is."""

    name: str
    guid: str
    letters: int
    size: int


class _BrokenError(Exception):
    """An answer broke off; the message says why."""


def folders(place: doveadm.Place) -> list[Folder]:
    """Return the folders of a mailbox, by name. Raises ListingError."""
    try:
        said = json.loads(_asked(doveadm.command(place, ["mailbox status", "guid messages vsize", "*"], "json")) or b"[]")
        told = [Folder(one["mailbox"], one["guid"], int(one["messages"]), int(one["vsize"])) for one in said]
    except (ValueError, KeyError, TypeError) as fault:
        raise ListingError(f"doveadm mailbox status: {fault}") from fault
    return sorted(told, key=lambda one: one.name)


def uids(place: doveadm.Place, folder: Folder) -> list[int]:
    """Return the numbers of the letters in a folder. Raises ListingError."""
    try:
        return [int(line.split()[1]) for line in _asked(doveadm.command(place, ["search", "mailbox-guid", folder.guid])).splitlines()]
    except (ValueError, IndexError) as fault:
        raise ListingError(f"doveadm search: {fault}") from fault


def _asked(line: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=doveadm.PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise ListingError(str(fault)) from fault
    if done.returncode:
        raise ListingError(_reason(done.stderr, done.returncode))
    return done.stdout


def letters(place: doveadm.Place, folder: Folder) -> list[Letter]:
    """Return the letters of a folder without looking into them: no hash, no size, no fault. Raises ListingError."""
    try:
        rows = list(doveadm.fetch(place, _KNOWN, ["mailbox-guid", folder.guid]))
        return [letter_of({name: value.decode("utf-8", "surrogateescape") for name, value in row.items()}) for row in rows]
    except (OSError, ValueError, KeyError) as fault:
        raise ListingError(f"doveadm fetch: {fault}") from fault


def contents(place: doveadm.Place, folder: Folder, numbers: Iterable[int] | None = None) -> Iterator[tuple[Letter, bytes]]:
    """Yield letters of a folder with their bytes, all of them or those of these numbers; one that cannot be read has none, and no guid.

    Raises ListingError when there is no answer at all.
    """
    wanted = sorted(uids(place, folder) if numbers is None else numbers)
    for start in range(0, len(wanted), _AT_ONCE):
        yield from _read(place, folder, wanted[start : start + _AT_ONCE])


def _read(place: doveadm.Place, folder: Folder, wanted: Sequence[int]) -> Iterator[tuple[Letter, bytes]]:
    """Ask for letters, and for what an answer that broke off lacks once more, in halves: one that is damaged ends the whole answer."""
    left = dict.fromkeys(wanted)
    try:
        for letter, content in _fetched(place, folder, wanted):
            left.pop(letter.uid, None)
            yield letter, content
    except _BrokenError as fault:
        rest = list(left)
        if len(rest) == 1:
            yield Letter(rest[0], fault=str(fault)), b""
        elif rest:
            for half in (rest[: len(rest) // 2], rest[len(rest) // 2 :]):
                yield from _read(place, folder, half)


def _fetched(place: doveadm.Place, folder: Folder, wanted: Sequence[int]) -> Iterator[tuple[Letter, bytes]]:
    words = ["fetch", " ".join([*_NAMES, "text"]), "mailbox-guid", folder.guid, "uid", ",".join(map(str, wanted))]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            doveadm.command(place, words, "pager"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        ) as process,
    ):

        def reason(otherwise: str) -> str:
            complaints.seek(0)
            return _reason(complaints.read(), process.returncode) or otherwise

        assert process.stdout
        held: tuple[Letter, bytes] | None = None
        try:
            # A letter counts when the one after it began, or the command ended well: its own end could be a part of it.
            for one in records(process.stdout):
                if held:
                    yield held
                held = one
        except _BrokenError as fault:
            process.kill()
            process.wait()
            raise _BrokenError(reason(str(fault))) from fault
        finally:
            process.stdout.close()
        if process.wait():
            raise _BrokenError(reason(""))
        if held:
            yield held


def records(stream: IO[bytes]) -> Iterator[tuple[Letter, bytes]]:
    """Read what `doveadm -f pager fetch` prints. Raises an error of its own where that is not what was asked for."""
    while line := stream.readline():
        values: dict[str, str] = {}
        for name in _NAMES:
            key, _, value = line.decode("utf-8", "surrogateescape").rstrip("\n").partition(": ")
            if key != name:
                raise _BrokenError(f"an answer with {key!r} where {name} should be")
            values[name] = value
            line = stream.readline()
        if line != b"text:\n" or not values["size.physical"].isdigit():
            raise _BrokenError("an answer without text")
        size = int(values["size.physical"])
        content = stream.read(size)
        if len(content) != size or stream.read(len(_END)) not in (_END, b""):
            raise _BrokenError(f"a letter of another size than its {size} bytes")
        yield replace(letter_of(values), size=size, sha256=digest(content)), content


def letter_of(values: Mapping[str, str]) -> Letter:
    r"""Make a letter of what was fetched. \Recent is nobody's flag: whoever looks first takes it (RFC 3501 2.3.2)."""
    flags = frozenset(values["flags"].split()) - {"\\Recent"}
    return Letter(int(values["uid"]), values["guid"], flags, values["date.received"], values["date.saved"])


def _reason(said: bytes, status: int) -> str:
    """Return the first complaint: those after it are of its consequences."""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[0][:400] if lines else f"doveadm ended with status {status}" if status > 0 else ""
