"""Make ready, in scratch, exactly what a mailstore shall have: what it has now, and what it lacks.

Never the mirror itself is pushed. Its logs remember what was removed, and `doveadm sync -1` would remove it on the store once more; and
what a store has and the source lacks is numbered anew there (docs/decisions/0025). So the source is a clone: of what the store has now,
to which the missing letters are added behind; or, where the store lost the mailbox, of the mirror.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from posthouse import state
from posthouse.copyletter import CopyError, unwrap

from . import doveadm, kept, maildirs, transfer
from .kept import SLACK
from .maildirs import INBOX
from .mend import mend
from .settings import Settings

_REMOVED = "of/"
#: In a person's area: that their mailbox is being brought back as it was, where to, and since when.
_BEGUN = "begun.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What shall come back. folders: only from these, None is all. into: the folder where it goes, "" is where it was.

    removed: also what the person removed before the last mirror. guids: only these letters, None is all. since: seconds since 1970 of
    the delivery, or of the removal, before which nothing comes back that was removed.
    """

    folders: frozenset[str] | None = None
    into: str = ""
    removed: bool = False
    guids: frozenset[str] | None = None
    since: float = 0.0

    @property
    def whole(self) -> bool:
        """Say whether it is all that the person has, so that what the store lost may come back as it was."""
        return self.guids is None and not self.into

    def wants(self, folder: str, guid: str) -> bool:
        """Say whether this letter is meant."""
        return (self.folders is None or folder in self.folders) and (self.guids is None or guid in self.guids)


@dataclass(slots=True)
class Staged:
    """What is ready. letters, size: that come back; folders: how many to each; present: letters asked for that the store has already.

    whole: the store has lost the mailbox, and it comes back as it was.
    """

    path: Path
    area: Path
    to: str = ""
    whole: bool = False
    letters: int = 0
    size: int = 0
    present: int = 0
    folders: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    #: GUIDs of what the store has.
    there: set[str] = field(default_factory=set)
    #: Folder, GUID and those keywords of a letter that the name of its file has no room for.
    keywords: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def count(self, folder: str, letters: int, size: int) -> None:
        """Count what comes back."""
        self.letters += letters
        self.size += size
        self.folders[folder] = self.folders.get(folder, 0) + letters


@contextmanager
def area_of(settings: Settings, person: str) -> Iterator[Path]:
    """Yield an empty folder for one person's restore, which nobody else uses meanwhile."""
    area = settings.home / "scratch" / "restore" / person
    area.mkdir(parents=True, exist_ok=True)
    with state.alone(area):
        _empty(area)
        try:
            yield area
        finally:
            _empty(area)


def _empty(area: Path) -> None:
    for one in area.iterdir():
        if one.is_dir():
            shutil.rmtree(one)
        elif one.name not in (".lock", _BEGUN):
            one.unlink()


def stage(settings: Settings, person: str, destination: str, wish: Wish, area: Path, to: str = "") -> Staged:
    """Make ready what a wish wants at a destination, as dsync writes it. to: the mailstore that this is. Raises OSError."""
    mirror = settings.person(person) / "mirror"
    live = area / "live"
    with state.alone(settings.person(person)):
        maildirs.clone(mirror, live)
        before = _inbox(mirror)
        transfer.bring_up_to_date(settings, person, live, destination, area)
        # One that began and was ended goes on as it began: letters that are there already are told by number and GUID.
        begun = state.read(area / _BEGUN)
        goes_on = begun.get("to") == to != "" and float(begun.get("at", 0.0)) > mirrored(settings, person)
        lost = wish.whole and before != "" and (_inbox(live) != before or goes_on)
        staged = Staged(live, area, to)
        there = {letter.guid for folder in _read_all(live) for letter in folder.letters}
        staged.there = set(there)
        if lost:
            staged.path, staged.whole = area / "whole", True
            maildirs.clone(mirror, staged.path, wish.folders)
            # It would say once more which folders were removed long ago.
            (staged.path / "dovecot.mailbox.log").unlink(missing_ok=True)
        known = _from_mirror(settings, person, staged, wish, there)
    if wish.guids is not None:
        staged.present = len(wish.guids & there)
    known |= there
    known |= _from_removed(settings, person, staged, wish, known)
    _from_copies(settings, person, staged, wish, known)
    return staged


def push(settings: Settings, person: str, staged: Staged, destination: str, scripts: bool) -> None:
    """Give the destination what is ready. scripts: the person's Sieve scripts too; newer ones stay there. Raises DoveadmError."""
    remembered = staged.whole and staged.to != ""
    if remembered:
        state.write(staged.area / _BEGUN, {"to": staged.to, "at": time.time()}, 0o600)
    place = doveadm.Place(person, staged.path)
    for folder, guid, keywords in staged.keywords:
        doveadm.run(place, ["flags add", " ".join(keywords), "mailbox", folder, "guid", guid])
    more = [] if scripts else transfer.scripts_in(staged.area)
    try:
        transfer.push(settings, person, staged.path, destination, more)
    except doveadm.DoveadmError as fault:
        # Of a letter that is damaged doveadm says the same as of much else that may pass.
        if fault.exit != doveadm.TEMPORARY or not mend(person, staged.path, staged.there, staged.faults):
            raise
        transfer.push(settings, person, staged.path, destination, more)
    if remembered:
        (staged.area / _BEGUN).unlink(missing_ok=True)


def _inbox(maildir: Path) -> str:
    """Return what tells an INBOX from another one, or nothing when there is none. Its UIDVALIDITY may change when two are merged."""
    return maildirs.read(INBOX, maildir).guid if INBOX in maildirs.folders(maildir) else ""


def _read_all(maildir: Path) -> Iterator[maildirs.Folder]:
    return (maildirs.read(name, path) for name, path in maildirs.folders(maildir).items())


def _from_mirror(settings: Settings, person: str, staged: Staged, wish: Wish, there: set[str]) -> set[str]:
    """Add what the mirror has and the store lacks; return the GUIDs of all that the mirror has."""
    known: set[str] = set()
    for folder in _read_all(settings.person(person) / "mirror"):
        wanted = [one for one in folder.letters if wish.wants(folder.name, one.guid)]
        lacking = [one for one in wanted if one.guid not in there]
        staged.present += len(wanted) - len(lacking)
        known |= {one.guid for one in folder.letters}
        if staged.whole:
            staged.count(folder.name, len(lacking), sum(one.size for one in lacking))
            continue
        lacking = [one for one in lacking if _can_come(staged, folder.name, one.guid)]
        if lacking or (wish.whole and wish.folders is None):
            path = maildirs.make(staged.path, wish.into or folder.name)
            _subscribe(staged.path, settings.person(person) / "mirror", folder.name, wish.into)
        flags = _all_flags(person, folder) if lacking else {}
        for one in lacking:
            # A name without the letter's size makes Dovecot take that of the compressed file: those are written anew.
            if ",S=" in one.guid:
                left = maildirs.link(path, one, flags.get(one.uid, one.flags))
                staged.keywords += [(wish.into or folder.name, one.guid, left)] if left else []
                staged.count(wish.into or folder.name, 1, one.size)
        nameless = {one.guid for one in lacking if ",S=" not in one.guid}
        found = [one for one in kept.listed(doveadm.Place(person), folder.name) if one.guid in nameless] if nameless else []
        for letter, text in kept.texts(doveadm.Place(person), folder.name, found, staged.faults):
            _add(staged, wish.into or folder.name, letter.guid, letter.flags, text, letter.received)
    return known


def _can_come(staged: Staged, folder: str, guid: str) -> bool:
    """Say whether names lead nowhere else than into the Maildir; that they would is a fault."""
    if not (can := maildirs.usable(guid) and maildirs.usable_folder(folder)):
        staged.faults.append(f"letter {guid!r} of {folder!r}: no letter or folder can be called so; was the mailstore broken into?")
    return can


def _all_flags(person: str, folder: maildirs.Folder) -> dict[int, tuple[str, ...]]:
    """Return the flags of letters by UID, when there are more keywords than a file's name can say."""
    if len(folder.keywords) < maildirs.KEYWORDS:
        return {}
    return {one.uid: one.flags for one in kept.listed(doveadm.Place(person), folder.name)}


def _subscribe(maildir: Path, mirror: Path, name: str, into: str) -> None:
    """Subscribe to a folder that comes back, when the person had."""
    if into or not (mirror / "subscriptions").exists():
        return
    line = maildirs.written(name).removeprefix(".").replace(".", "\t")
    wanted = {line, name.replace("/", "\t")}
    ours = maildir / "subscriptions"
    head, has = "V\t2\n\n", set()
    if ours.exists():
        has = set(ours.read_text("utf-8", "surrogateescape").splitlines())
        head = ""
    for one in wanted & set((mirror / "subscriptions").read_text("utf-8", "surrogateescape").splitlines()) - has:
        with ours.open("a", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(f"{head}{one}\n")
        head = ""


def _from_removed(settings: Settings, person: str, staged: Staged, wish: Wish, known: set[str]) -> set[str]:
    """Add what the person removed, when that is asked for; return the GUIDs."""
    place = doveadm.Place(person, doveadm.REMOVED)
    found: set[str] = set()
    for name in maildirs.folders(settings.person(person) / "removed") if wish.removed else ():
        folder = name.removeprefix(_REMOVED)
        if not name.startswith(_REMOVED) or (wish.folders is not None and folder not in wish.folders):
            continue
        query = ["savedsince", str(int(wish.since))] if wish.since else []
        query += kept.these(wish.guids) if wish.guids else []
        wanted = []
        for one in kept.listed(place, f"{doveadm.REMOVED_FOLDERS}{folder}", query):
            if one.guid not in known and one.guid not in found and wish.wants(folder, one.guid) and _can_come(staged, folder, one.guid):
                found.add(one.guid)
                wanted.append(one)
        # Not linked: a second name changes the time by which Dovecot knows when they were removed (ctime).
        for one, letter in kept.texts(place, f"{doveadm.REMOVED_FOLDERS}{folder}", wanted, staged.faults):
            _add(staged, wish.into or folder, one.guid, one.flags, letter, one.received)
    return found


def _from_copies(settings: Settings, person: str, staged: Staged, wish: Wish, known: set[str]) -> None:
    """Add what was delivered since the last mirror; with removed or by name, also what was before and is nowhere else."""
    if INBOX not in maildirs.folders(settings.person(person) / "copies"):
        return
    since = 0.0 if wish.guids is not None else wish.since if wish.removed else mirrored(settings, person) - SLACK
    there = kept.copies(person, since, staged.faults)
    wanted = [one for one in there if one.facts.guid not in known and wish.wants(one.facts.folder, one.facts.guid)]
    for one, outer in kept.texts(doveadm.Place(person, doveadm.COPIES), INBOX, wanted, staged.faults):
        try:
            facts, letter = unwrap(outer)
        except CopyError as fault:
            staged.faults.append(f"copy {one.uid}: {fault}")
            continue
        if facts.guid not in known and _can_come(staged, facts.folder, facts.guid):
            known.add(facts.guid)
            _add(staged, wish.into or facts.folder, facts.guid, facts.flags, letter, facts.saved.timestamp())


def _add(staged: Staged, folder: str, guid: str, flags: Iterable[str], letter: bytes, received: float) -> None:
    path = maildirs.make(staged.path, folder)
    left = maildirs.put(path, guid, flags, letter, received)
    staged.keywords += [(folder, guid, left)] if left else []
    staged.count(folder, 1, len(letter))


def mirrored(settings: Settings, person: str) -> float:
    """Return when the last good mirror of a person began, in seconds since 1970; 0 when there is none."""
    return float(state.read(settings.person(person) / "mirror.json").get("passed", 0.0))


def said(when: float) -> str:
    """Write a time for people."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if when else "never"
