"""One person's mail, fetched from their mailstore by dsync: into their mirror, or anywhere."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse import state
from posthouse.text import visible

from . import doveadm, maildirs, owners
from .doveadm import MIRROR, REMOVED, DoveadmError, Place
from .pace import Door, Doors
from .people import Person
from .room import needed
from .settings import Settings

#: dsync's codes: done; done, but something changed meanwhile, so once more.
_DONE, _AGAIN = 0, 2
#: A mirror that somebody else changed, or an index of it that is damaged. dsync would delete INBOX, which cannot be, and so it ends at the
#: same place each time (65, or 134 at an assertion; 75 when it waited for the other side in vain).
_STUCK = ("can't be deleted", "Panic: ", "missing locally", "Corrupted", "corrupted")
_NEW, _OLD = "mirror.new", "mirror.old"
RECORD = "mirror.json"


class AnotherError(DoveadmError):
    """What the mailstore has is not what this is the mirror of, so the mirror stays as it is."""


class UnknownError(DoveadmError):
    """The mailstore knows nobody of this name, as when an account was deleted a moment ago."""


class StoreAwayError(DoveadmError):
    """The mailstore cannot be reached."""


@dataclass(frozen=True, slots=True)
class Box:
    """What tells a folder from another of its name: its GUID, its UIDVALIDITY, and the UID that comes next."""

    guid: str
    validity: int
    following: int
    letters: int = 0


def doors(settings: Settings) -> Doors:
    """Return ways to mailstores with this site's limits; a context manager."""
    return Doors(settings.tls.ca, settings.store_port, settings.mirroring.rate)


def record(settings: Settings, uid: str) -> dict[str, Any]:
    """Return what is known of somebody's mirror.

    passed: when the last run began that ended well, tried: when the last one began (seconds since 1970). store: from where. fault: why the
    last one did not end well. letters, folders, seconds, bytes: figures.
    """
    return state.read(settings.person(uid) / RECORD)


def pull(settings: Settings, door: Door, person: Person, into: Path, folders: Sequence[str] | None = None) -> None:
    """Fetch what is on the mailstore now into a Maildir, which dsync makes equal to it. Raises DoveadmError.

    Sieve scripts come to NAME.home/sieve beside it: what is pulled for a look does not change the person's own here.
    """
    home = into.with_name(f"{into.name}.home")
    home.mkdir(mode=0o700, exist_ok=True)
    only = [word for name in folders or () for word in ("-m", name)]
    for part in [only[at : at + 2] for at in range(0, len(only), 2)] or [[]]:
        _dsync(settings, door, Place(person.uid, into, ("-o", f"mail_home={home}")), part)


def refresh(settings: Settings, door: Door, person: Person, *, whole: bool = False) -> None:
    """Bring a person's mirror up to date. whole: look at every letter, not only at folders that say they changed.

    Raises AnotherError, StoreAwayError, FullError, DoveadmError. The record says how it went.
    """
    mirror = settings.person(person.uid) / MIRROR

    def work(found: dict[str, Box]) -> None:
        if known := (mirror / "dovecot-uidlist").exists():
            _same(mirror, found, person)
        try:
            _dsync(settings, door, Place(person.uid), ["-f"] if whole else [])
        except DoveadmError as fault:
            if not known or not any(one in str(fault) for one in _STUCK):
                raise
            _anew(settings, door, person)

    _recorded(settings, door, person, work)


def anew(settings: Settings, door: Door, person: Person) -> None:
    """Take the mailbox on the mailstore as it is: a new mirror, and what only the old one has goes to the removed letters.

    Raises as refresh does.
    """
    _recorded(settings, door, person, lambda _: _anew(settings, door, person))


def _recorded(settings: Settings, door: Door, person: Person, work: Callable[[dict[str, Box]], None]) -> None:
    """Do something to a mirror that nobody else works at meanwhile, and record how it went."""
    needed(settings)
    began, came = time.time(), door.received
    owners.claim(settings, person)
    home = settings.person(person.uid)
    with state.alone(home):
        told = {**record(settings, person.uid), "tried": began, "store": person.store, "fault": ""}
        try:
            found = there(door, person)
            _finish_swap(home)
            work(found)
        except DoveadmError as fault:
            state.write(home / RECORD, {**told, "fault": str(fault)}, 0o640)
            raise
        figures = {"passed": began, "letters": sum(one.letters for one in found.values()), "folders": len(found)}
        figures |= {"bytes": door.received - came, "seconds": round(time.time() - began, 2)}
        state.write(home / RECORD, {**told, **figures}, 0o640)


def probe(settings: Settings, door: Door, person: Person) -> int:
    """Return how many letters a person has on the mailstore. Raises as refresh does, and changes nothing."""
    found = there(door, person)
    mirror = settings.person(person.uid) / MIRROR
    if (mirror / "dovecot-uidlist").exists():
        _same(mirror, found, person)
    return sum(one.letters for one in found.values())


def there(door: Door, person: Person) -> dict[str, Box]:
    """Ask the mailstore for the folders of a person. Raises DoveadmError."""
    words = ["mailbox status", "-S", door.socket, "guid uidvalidity uidnext messages", "*"]
    done = doveadm.exit_code(Place(person.uid), words, formatter="json")
    if door.fault:
        raise StoreAwayError(door.fault, doveadm.TEMPORARY)
    if done.returncode == doveadm.NO_USER:
        raise UnknownError(f"{person.store} does not know {visible(person.uid)}", done.returncode)
    if done.returncode:
        raise doveadm.fault_of(done, words)
    numbers = ("uidvalidity", "uidnext", "messages")
    return {one["mailbox"]: Box(one["guid"], *(int(one[name]) for name in numbers)) for one in json.loads(done.stdout)}


def _same(mirror: Path, found: dict[str, Box], person: Person) -> None:
    """Raise AnotherError unless INBOX on the mailstore is the one that the mirror is of, or one that grew out of it.

    A mailstore that was lost and began anew is empty, or an old state of its disk: dsync would carry that over into the mirror.
    """
    with (mirror / "dovecot-uidlist").open(encoding="utf-8", errors="surrogateescape") as stream:
        mine = {one[0]: one[1:] for one in stream.readline().split()[1:]}
    inbox = found.get(maildirs.INBOX, Box("", 0, 0))
    if (mine.get("G"), mine.get("V")) == (inbox.guid, str(inbox.validity)) and int(mine.get("N", "0")) <= inbox.following:
        return
    raise AnotherError(
        f"the mailbox of {visible(person.uid)} on {person.store} is not the one that is mirrored here, or is older: the mirror stays as it"
        f" is. If mail was lost there, restore it; else `backup mirror --person {visible(person.uid)} --anew` takes what is there now",
        0,
    )


def _dsync(settings: Settings, door: Door, place: Place, words: Sequence[str]) -> None:
    """Make a place equal to what is on the mailstore, once more when that changed meanwhile. Raises DoveadmError with all it said."""
    words = ["backup", "-R", "-T", str(round(settings.mirroring.stall)), *words, door.destination]
    for _ in range(3):
        done = doveadm.exit_code(place, words, patience=settings.mirroring.longest * 60.0)
        if done.returncode == _DONE:
            return
        if door.fault:
            raise StoreAwayError(door.fault, doveadm.TEMPORARY)
        if done.returncode != _AGAIN:
            said = " ".join(line for line in done.stderr.decode("utf-8", "replace").splitlines() if line)
            raise DoveadmError(visible(said[:600]) or f"doveadm backup ended with {done.returncode}", done.returncode)
    # What changes all the time is fetched as it was; the next night is not far.


def _anew(settings: Settings, door: Door, person: Person) -> None:
    home = settings.person(person.uid)
    new = home / _NEW
    try:
        _dsync(settings, door, Place(person.uid, new), [])
    except StoreAwayError:
        raise
    except DoveadmError:
        # What an earlier attempt left behind may be of yet another mailbox.
        shutil.rmtree(new, ignore_errors=True)
        _dsync(settings, door, Place(person.uid, new), [])
    _keep(home)
    _swap(home)


def _keep(home: Path) -> None:
    """Put what only the old mirror has to the removed letters, by its folder. A letter that is there already stays."""
    have = {letter.guid for name, path in maildirs.folders(home / _NEW).items() for letter in maildirs.read(name, path).letters}
    for name, path in maildirs.folders(home / MIRROR).items():
        lost = [one for one in maildirs.read(name, path).letters if one.guid not in have]
        target = maildirs.make(home / REMOVED, doveadm.REMOVED_FOLDERS.partition("/")[2] + name) if lost else path
        for one in lost:
            maildirs.link(target, one, one.flags)


def _swap(home: Path) -> None:
    if (home / MIRROR).exists():
        (home / MIRROR).rename(home / _OLD)
    (home / _NEW).rename(home / MIRROR)
    shutil.rmtree(home / _OLD, ignore_errors=True)


def _finish_swap(home: Path) -> None:
    """Go on where a run was ended between two names."""
    if (home / _OLD).exists() and not (home / MIRROR).exists():
        _swap(home)
    shutil.rmtree(home / _OLD, ignore_errors=True)
