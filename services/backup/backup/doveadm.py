"""Ask Dovecot's doveadm about a person's mail in one of the places where this machine keeps it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posthouse.text import visible

PROGRAM = "/usr/bin/doveadm"
#: Whoever is killed takes the doveadm along that works for them: nothing goes on behind the back of the next run (setpriv(1)).
_WITH_US = ["/usr/bin/setpriv", "--pdeathsig", "KILL"]
#: Places of a person: what they have (folders as on the mailstore); what they removed (namespace removed/, in whose folder
#: "removed/of/NAME" the letters lie that left NAME); copies of what was delivered to them, all in INBOX.
MIRROR, REMOVED, COPIES = "mirror", "removed", "copies"
REMOVED_FOLDERS = "removed/of/"
#: sysexits(3) as doveadm uses them.
TEMPORARY, NO_USER, NOT_FOUND = 75, 67, 68
#: Seconds, when nobody says otherwise.
PATIENCE = 300.0
#: Before a text and after it, as the formatter `pager` writes them.
_TEXT, _END = b"text:\n", b"\f\n"
_ESCAPE = re.compile(rb"\x01([01trn])")
_ESCAPED = {b"0": b"\0", b"1": b"\x01", b"t": b"\t", b"r": b"\r", b"n": b"\n"}


class DoveadmError(OSError):
    """doveadm did not do it. exit: its code, or -1 when it took too long; the message is its last line."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.exit = code

    @property
    def temporary(self) -> bool:
        """Say whether trying again may help."""
        return self.exit in (TEMPORARY, -1)


@dataclass(frozen=True)
class Place:
    """Whose mail, and where: MIRROR, REMOVED, COPIES, or the folder of a Maildir, e.g. below scratch."""

    person: str
    where: str | Path = MIRROR
    #: More of doveadm's own options.
    options: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """Return doveadm's options for this place, which come before its command."""
        if self.where in (MIRROR, REMOVED):
            return [*self.options]
        path = "~/copies" if self.where == COPIES else str(self.where)
        # What is expunged in copies or scratch is gone: only a mirror keeps removed letters.
        return ["-o", f"mail_path={path}", "-o", "lazy_expunge_mailbox=", *self.options]


def command(place: Place, words: Sequence[str], formatter: str = "") -> list[str]:
    """Return the whole command line. words: doveadm's command and what follows -u PERSON, e.g. ["mailbox list", "-s"].

    The command itself may have several words: ["mailbox list", …].
    """
    before = [PROGRAM, *(["-f", formatter] if formatter else []), *place.words()]
    return [*before, *words[0].split(), "-u", place.person, *words[1:]]


def run(place: Place, words: Sequence[str], *, given: bytes | None = None, patience: float = PATIENCE, fine: Sequence[int] = (0,)) -> bytes:
    """Run one command for a person and return what it said.

    given: its standard input. fine: exit codes that are none of its faults. Raises DoveadmError.
    """
    done = _ran(command(place, words), given, patience)
    if done.returncode not in fine:
        raise fault_of(done, words)
    return done.stdout


def exit_code(
    place: Place, words: Sequence[str], *, given: bytes | None = None, patience: float = PATIENCE, formatter: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Run one command for a person, and return its code and words whatever they are. Raises DoveadmError when it takes too long."""
    return _ran(command(place, words, formatter), given, patience)


def folders(place: Place, patience: float = PATIENCE) -> list[str]:
    """Name the folders there, / between levels. Of REMOVED: as the mirror calls them."""
    if place.where == REMOVED:
        said = run(place, ["mailbox list", f"{REMOVED_FOLDERS}*"], patience=patience)
        return [one.removeprefix(REMOVED_FOLDERS) for one in said.decode("utf-8", "surrogateescape").splitlines()]
    return run(place, ["mailbox list"], patience=patience).decode("utf-8", "surrogateescape").splitlines()


def fetch(
    place: Place, fields: Sequence[str], query: Sequence[str], *, text: bool = False, patience: float = PATIENCE
) -> Iterator[Mapping[str, bytes]]:
    """Return what is asked for of each letter that a query (doveadm-search-query(7)) finds.

    fields: as in doveadm-fetch(1). text: also the letter itself, as "text", byte for byte with LF line ends. Raises DoveadmError.
    """
    wanted = [*fields, *(["size.physical", "text"] if text else [])]
    line = command(place, ["fetch", " ".join(wanted), *query], "pager" if text else "tab")
    done = _ran([line[0], *([] if text else ["-h"]), *line[1:]], None, patience)
    if done.returncode == NOT_FOUND:
        return
    if done.returncode:
        raise fault_of(done, ["fetch"])
    yield from _paged(done.stdout, wanted) if text else _rows(done.stdout, wanted)


def _rows(said: bytes, wanted: Sequence[str]) -> Iterator[dict[str, bytes]]:
    """Cut what the formatter `tab` wrote: one line a letter, values escaped."""
    if said and not said.endswith(b"\n"):
        raise DoveadmError("doveadm's answer ends in the middle", 0)
    for line in said.split(b"\n")[:-1]:
        values = [_ESCAPE.sub(lambda match: _ESCAPED[match[1]], one) for one in line.split(b"\t")]
        if len(values) != len(wanted):
            raise DoveadmError("doveadm's answer has other fields than it was asked for", 0)
        yield dict(zip(wanted, values, strict=True))


def _paged(said: bytes, wanted: Sequence[str]) -> Iterator[dict[str, bytes]]:
    """Cut what the formatter `pager` wrote, the one that changes no byte of a text; only its size tells where a text ends."""
    at = 0
    while at < len(said):
        row: dict[str, bytes] = {}
        for name in wanted[:-1]:
            end = said.find(b"\n", at)
            key, _, row[name] = said[at : max(end, at)].partition(b": ")
            if key.decode() != name:
                raise DoveadmError(f"doveadm's answer has no {name} where it should be", 0)
            at = end + 1
        size, start = int(row["size.physical"]), at + len(_TEXT)
        at = start + size
        row["text"] = said[start:at]
        if said[start - len(_TEXT) : start] != _TEXT or len(row["text"]) != size or said[at : at + len(_END)] not in (_END, b""):
            raise DoveadmError(f"letter of {size} bytes is of another size", 0)
        at += len(_END)
        yield row


def _ran(line: Sequence[str], given: bytes | None, patience: float) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run([*_WITH_US, *line], input=given or b"", capture_output=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired as fault:
        raise DoveadmError(f"doveadm did not answer within {patience:.0f} s", -1) from fault


def fault_of(done: subprocess.CompletedProcess[bytes], words: Sequence[str]) -> DoveadmError:
    """Make an error of a command that did not end well. words: the command, for when it said nothing."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"doveadm {words[0]} ended with {done.returncode}"]
    return DoveadmError(visible(lines[-1]), done.returncode)
