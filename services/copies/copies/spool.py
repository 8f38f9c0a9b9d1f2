"""Where deliveries leave a second name of each letter, and beside it what is known of it (role mailstore, copies.lua).

Whoever delivers is the person whose letter it is, so nothing here is believed further than that it may have been written by anybody.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from posthouse.copyletter import Facts

LETTER, NOTE, MISSED, GIVEN = ".letter", ".note", ".missed", ".given"
_NUMBER = re.compile(r"[0-9]{1,10}")
#: What Dovecot writes before everything else; further ones may be anybody's.
_ENVELOPE = re.compile(rb"Return-Path: <([^\n]*)>\r?\n(?:Delivered-To: ([^\n\r]*)\r?\n)?")


class SpoolError(ValueError):
    """What lies in the spool is not what a delivery writes; the message says what it is instead."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look into the spool found; names are of letters with their notes, the oldest first, without an ending."""

    letters: list[str]
    alone: list[str]  # a letter without a note
    missed: list[str]  # whole names: a delivery says that it could not make a copy
    others: list[str]  # whole names: notes without a letter, and what nobody here writes


@dataclass(frozen=True, slots=True)
class Note:
    """What a delivery knew."""

    saved: datetime
    person: str
    folder: str
    uid: int
    uidvalidity: int
    flags: tuple[str, ...]


def look(folder: Path) -> Found:
    """Say what is there. Raises OSError."""
    return sort(os.listdir(folder))  # noqa: PTH208  names alone are asked for, of which there may be a million


def sort(names: Iterable[str]) -> Found:
    """Put names into their kinds."""
    kinds: dict[str, set[str]] = {LETTER: set(), NOTE: set(), MISSED: set(), GIVEN: set(), "": set()}
    for name in names:
        ending = name[name.rfind(".") :] if "." in name else ""
        kinds[ending if ending in kinds else ""].add(name)
    letters = {one.removesuffix(LETTER) for one in kinds[LETTER]}
    notes = {one.removesuffix(NOTE) for one in kinds[NOTE]}
    given = {one for one in kinds[GIVEN] if one.removesuffix(GIVEN) not in letters}
    return Found(
        sorted(letters & notes, key=_age),
        sorted(letters - notes, key=_age),
        sorted(kinds[MISSED]),
        sorted(kinds[""] | given | {one + NOTE for one in notes - letters}),
    )


def note(folder: Path, name: str) -> Note:
    """Read a note. Raises SpoolError, or OSError when it is gone."""
    words = os.readlink(folder / (name + NOTE)).split(" ")  # noqa: PTH115  text, which a Path would change
    try:
        moment, person, mailbox, uid, uidvalidity, *flags = words
        seconds, micro = moment.split(".")
        saved = datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(micro))
    except (ValueError, OverflowError, OSError) as fault:
        raise SpoolError(f"{name}: the note is not what a delivery writes") from fault
    if not (_NUMBER.fullmatch(uid) and _NUMBER.fullmatch(uidvalidity)):
        raise SpoolError(f"{name}: the note has no numbers where UID and UIDVALIDITY belong")
    # Maildir++ has "." between levels, and in no name of one.
    levels = unquote(mailbox, errors="replace").replace(".", "/")
    return Note(saved, unquote(person, errors="replace"), levels, int(uid), int(uidvalidity), tuple(map(unquote, flags)))


def why_missed(folder: Path, name: str) -> str:
    """Return what a delivery said that could make no copy."""
    try:
        person, reason = os.readlink(folder / name).split(" ", 1)  # noqa: PTH115  text
    except (OSError, ValueError):
        return "somebody: no reason is written"
    return f"{unquote(person)}: {unquote(reason)}"


def letter(folder: Path, name: str) -> bytes:
    """Read a letter. Raises SpoolError when this is no ordinary file, or OSError."""
    if not stat.S_ISREG((folder / (name + LETTER)).lstat().st_mode):
        raise SpoolError(f"{name}: the letter is no ordinary file")
    # It may be another one by now.
    with os.fdopen(os.open(folder / (name + LETTER), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise SpoolError(f"{name}: the letter is no ordinary file")
        if found.st_uid != (folder / (name + NOTE)).lstat().st_uid:
            raise SpoolError(f"{name}: letter and note are not of one owner")
        return stream.read()


def facts(name: str, known: Note, inner: bytes, store: str) -> Facts:
    """Return what goes beside a letter. The name of its file is its GUID, as Dovecot has it for Maildir."""
    envelope = _ENVELOPE.match(inner)
    sender, recipient = (envelope[1], envelope[2] or b"") if envelope else (b"", b"")
    return Facts(
        person=known.person,
        folder=known.folder,
        guid=name,
        uid=known.uid,
        uidvalidity=known.uidvalidity,
        saved=known.saved,
        flags=known.flags,
        store=store,
        sender=sender.decode("utf-8", "surrogateescape"),
        recipient=recipient.decode("utf-8", "surrogateescape"),
    )


def remove(folder: Path, *names: str) -> None:
    """Remove files, and empty folders, by their whole names. Raises OSError."""
    for name in names:
        try:
            (folder / name).unlink(missing_ok=True)
        except IsADirectoryError:
            (folder / name).rmdir()


def given(folder: Path, name: str) -> frozenset[str]:
    """Return the machines that a letter is on its way to already, though not to all it has to go to."""
    place = folder / (name + GIVEN)
    try:
        # It is ours, and of nobody who delivers.
        return frozenset(os.readlink(place).split(",")) if place.lstat().st_uid == os.geteuid() else frozenset()  # noqa: PTH115  text
    except OSError:
        return frozenset()


def give(folder: Path, name: str, machines: Iterable[str]) -> None:
    """Remember to which machines a letter is on its way. Raises OSError."""
    place = folder / (name + GIVEN)
    place.unlink(missing_ok=True)
    place.symlink_to(",".join(sorted(machines)))


def every(name: str) -> tuple[str, str, str]:
    """Return the names of all that belongs to a letter, which itself comes first: the others are worth nothing without it."""
    return name + LETTER, name + NOTE, name + GIVEN


def second(name: str) -> int:
    """Return when a letter was delivered, seconds since the epoch, with which the names of Maildir begin; 0 when this one does not."""
    seconds = name.split(".", 1)[0]
    return int(seconds) if _NUMBER.fullmatch(seconds) else 0


def _age(name: str) -> tuple[int, str]:
    return second(name), name
