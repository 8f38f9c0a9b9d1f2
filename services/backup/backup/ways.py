"""What the drill rehearses: the ways by which mail is mirrored and restored at any other time, into a scratch area."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import bring_back, doveadm, maildirs, pull
from .pace import Doors
from .people import Person
from .settings import Settings


class RealWays:
    """As rehearse.Ways, by the code that mirrors and restores."""

    def __init__(self, settings: Settings, doors: Doors) -> None:
        self._settings, self._doors = settings, doors

    def refresh(self, person: Person) -> None:
        """Bring the person's mirror up to date."""
        with self._doors.to(person.store) as door:
            pull.refresh(self._settings, door, person)

    def named(self, person: Person) -> Collection[str]:
        """Name the folders that the person has."""
        with self._doors.to(person.store) as door:
            return pull.there(door, person)

    def restore(self, person: Person, into: Path, folders: Sequence[str] | None) -> list[str]:
        """Restore these folders, or all, as if they were lost, into a mailbox that is empty. Returns what could not be used."""
        return bring_back.rehearse(self._settings, person.uid, into, None if folders is None else frozenset(folders)).faults

    def pull(self, person: Person, into: Path, folders: Sequence[str] | None) -> None:
        """Fetch these folders of the person's mailbox anew, or all."""
        with self._doors.to(person.store) as door:
            pull.pull(self._settings, door, person, into, folders)

    def file(self, person: Person, folder: str, letter: str) -> str:
        """Name the file in the mirror that is this letter, or nothing."""
        directories = maildirs.folders(self._settings.person(person.uid) / doveadm.MIRROR)
        try:
            found = maildirs.read(folder, directories[folder]).letters
        except (KeyError, OSError):
            return ""
        return next((str(one.path) for one in found if one.guid == letter), "")


@contextmanager
def real_ways(settings: Settings) -> Iterator[RealWays]:
    """Yield them, with doors to the mailstores that stay open meanwhile."""
    with pull.doors(settings) as doors:
        yield RealWays(settings, doors)
