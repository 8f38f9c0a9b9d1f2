"""Rehearse the restore of one person: bring it all back into a scratch area, and compare it with what they have and with their copies."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from posthouse.copyletter import CopyError, unwrap
from posthouse.copyletter import field as field_of
from posthouse.text import visible

from . import doveadm, listing
from .compare import NO_FOLDER, Compared, Difference, by_guid, compared
from .people import Person

#: What is known of the letters of a mailbox, by folder.
Known = dict[str, list[listing.Letter]]
BACKUP, COPY = "mirror", "copies"
RESTORED, LIVE = "restored", "live"


class Ways(Protocol):
    """How the parts that are rehearsed are called. Each raises OSError, or a RuntimeError, with a sentence when it cannot be done."""

    def refresh(self, person: Person, /) -> None:
        """Bring the person's mirror up to date."""

    def named(self, person: Person, /) -> Collection[str]:
        """Name the folders that the person has."""

    def restore(self, person: Person, into: Path, folders: Sequence[str] | None, /) -> Sequence[str]:
        """Restore these folders, or all, as if they were lost, into a mailbox that is empty. Returns what could not be used."""

    def pull(self, person: Person, into: Path, folders: Sequence[str] | None, /) -> None:
        """Fetch these folders of the person's mailbox anew, or all."""

    def file(self, person: Person, folder: str, letter: str, /) -> str:
        """Name the file in the mirror that is this letter, or nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, with its place: the mirror or the copies, folder and letter."""

    person: str
    place: str
    folder: str
    letter: str
    what: str
    lost: bool = False

    @property
    def sentence(self) -> str:
        """As people read it."""
        where = f"{self.place} of {self.person}" + (f", folder {self.folder}" if self.folder else "")
        return f"{where}: " + (f"letter {self.letter} {self.what}" if self.letter else self.what)


@dataclass(slots=True)
class Rehearsed:
    """One person.

    letters, size: what was restored. seconds: which that took. read: letters whose bytes were compared. same, gone: as compared.
    copies: that were read.
    """

    person: str
    folders: int = 0
    letters: int = 0
    size: int = 0
    seconds: float = 0.0
    read: int = 0
    same: int = 0
    gone: int = 0
    copies: int = 0
    faults: list[Fault] = field(default_factory=list)
    #: What the restore complained of.
    unusable: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As the record has it."""
        numbers = {name: getattr(self, name) for name in ("folders", "letters", "size", "read", "same", "gone", "copies")}
        return {"person": self.person, **numbers, "seconds": round(self.seconds, 2), "faults": len(self.faults)}


def chosen_folders(folders: Sequence[listing.Folder], letters: int, size: int, dice: random.Random) -> list[listing.Folder]:
    """Choose folders at random until they hold so many letters or bytes, at least one that has letters; empty ones cost nothing."""
    full = [one for one in folders if one.letters]
    dice.shuffle(full)
    taken: list[listing.Folder] = []
    for one in full:
        if taken and (sum(other.letters for other in taken) >= letters or sum(other.size for other in taken) + one.size > size):
            continue
        taken.append(one)
    return sorted([*taken, *(one for one in folders if not one.letters)], key=lambda one: one.name)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one person is rehearsed: letters that are compared, bytes that are restored, copies that are read."""

    letters: int = 2000
    size: int = 2 << 30
    copies: int = 2000


def rehearse(person: Person, scratch: Path, ways: Ways, limits: Limits, dice: random.Random) -> Rehearsed:
    """Rehearse one person below a scratch folder, which is gone afterwards. What fails is a fault of theirs."""
    found = Rehearsed(person.uid)
    hashes: dict[str, str] = {}
    try:
        hashes = _mailbox(found, person, scratch, ways, limits, dice)
    except (OSError, RuntimeError) as fault:
        found.faults.append(Fault(person.uid, BACKUP, "", "", f"it could not be rehearsed: {fault}"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    try:
        for wrong in _copies(person.uid, hashes, limits.copies, dice):
            found.copies += 1
            found.faults += [wrong] if wrong else []
    except (OSError, RuntimeError) as fault:
        found.faults.append(Fault(person.uid, COPY, "", "", f"they could not be read: {fault}"))
    if not any(one.lost for one in found.faults):
        # What the restore complained of was not found here.
        found.faults += [Fault(person.uid, BACKUP, "", "", f"the restore says: {words}", lost=True) for words in found.unusable]
    return found


def _mailbox(found: Rehearsed, person: Person, scratch: Path, ways: Ways, limits: Limits, dice: random.Random) -> dict[str, str]:
    """Rehearse a mailbox, once more where something differs. Returns the hashes of the letters that were read, by GUID."""
    ways.refresh(person)
    every = listing.folders(doveadm.Place(person.uid))
    chosen_ones = chosen_folders(every, limits.letters, limits.size, dice)
    names = [one.name for one in chosen_ones] if len(chosen_ones) < len(every) else None
    ours, live = _brought(found, person, scratch, ways, names)
    chosen = _chosen(ours, live, limits.letters, dice)
    one = _compared(person, scratch, ours, live, chosen)
    hashes = {each.guid: each.sha256 for letters in ours.values() for each in letters if each.sha256}
    found.same, found.gone, found.read, found.folders = one.same, one.gone, len(hashes), len(ours)
    found.letters = sum(map(len, ours.values()))
    found.size = sum(each.size for each in listing.folders(doveadm.Place(person.uid, scratch / RESTORED)))
    wrong = one.differences
    if wrong:
        # People, and what delivers to them, go on while we look. What is still wrong when all of it is done again is wrong.
        ways.refresh(person)
        ours, live = _brought(Rehearsed(person.uid), person, scratch, ways, names)
        suspects = {(each.folder, each.guid) for each in wrong}
        wrong = _still(wrong, _compared(person, scratch, ours, live, suspects & _letters(ours, live)).differences)
    # Where only some folders came back, nobody would miss one that the mirror never had.
    now = {each.name for each in listing.folders(doveadm.Place(person.uid))} if names else set()
    wrong |= {Difference(each, "", NO_FOLDER, lost=True) for each in set(ways.named(person)) - now} if names else set()
    for each in sorted(wrong):
        file = ways.file(person, each.folder, each.guid) if each.lost and each.guid else ""
        found.faults.append(Fault(person.uid, BACKUP, each.folder, each.guid, each.what + (f" (file {file})" if file else ""), each.lost))
    return hashes


def _brought(found: Rehearsed, person: Person, scratch: Path, ways: Ways, names: Sequence[str] | None) -> tuple[Known, Known]:
    """Restore and pull anew; return what is known of the letters in both, by folder."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700, parents=True)
    began = time.monotonic()
    unusable = ways.restore(person, scratch / RESTORED, names)
    found.seconds = time.monotonic() - began
    found.unusable = list(unusable)
    ways.pull(person, scratch / LIVE, names)
    ours, live = (
        {one.name: listing.letters(place, one) for one in listing.folders(place) if names is None or one.name in names}
        for place in (doveadm.Place(person.uid, scratch / where) for where in (RESTORED, LIVE))
    )
    return ours, live


def _letters(*known: Known) -> set[tuple[str, str]]:
    return {(folder, one.guid) for mailbox in known for folder, letters in mailbox.items() for one in letters}


def _chosen(ours: Known, live: Known, most: int, dice: random.Random) -> set[tuple[str, str]]:
    every = sorted(_letters(ours, live))
    return set(dice.sample(every, min(most, len(every))))


def _compared(person: Person, scratch: Path, ours: Known, live: Known, chosen: set[tuple[str, str]]) -> Compared:
    """Read the letters that were chosen, put into what is known of them what they hold, and compare."""
    for where, known in ((RESTORED, ours), (LIVE, live)):
        place = doveadm.Place(person.uid, scratch / where)
        for folder in listing.folders(place):
            letters = known.get(folder.name, [])  # those of other folders were not asked for: an INBOX is always there
            numbers = {one.uid: at for at, one in enumerate(letters) if (folder.name, one.guid) in chosen}
            for one, _ in listing.contents(place, folder, numbers):
                at = numbers[one.uid]
                letters[at] = replace(letters[at], size=one.size, sha256=one.sha256, fault=one.fault)
    first, second = ({name: by_guid(letters) for name, letters in known.items()} for known in (ours, live))
    return compared(first, second)


def _still(before: set[Difference], now: set[Difference]) -> set[Difference]:
    """Return what is wrong as it was before. The words of a letter that is lost may be others the second time."""
    lost = {(one.folder, one.guid) for one in before if one.lost}
    return {one for one in now if one in before or (one.lost and (one.folder, one.guid) in lost)}


def _copies(uid: str, hashes: Mapping[str, str], most: int, dice: random.Random) -> Iterator[Fault | None]:
    """Read copies of a person, chosen at random; yield of each what is wrong with it. hashes: of what came back, by GUID."""
    place = doveadm.Place(uid, doveadm.COPIES)
    for folder in listing.folders(place):
        numbers = listing.uids(place, folder)
        for one, content in listing.contents(place, folder, dice.sample(numbers, min(most, len(numbers)))):
            try:
                facts = unwrap(content)[0] if not one.fault else None
                what = f"cannot be read: {one.fault}"
            except CopyError as fault:
                facts, what = None, f"is damaged: {fault}"
            if not facts:
                yield Fault(uid, COPY, "", _name(one, content), what, lost=True)
            elif hashes.get(facts.guid, facts.sha256) != facts.sha256:
                yield Fault(uid, COPY, facts.folder, facts.guid, "is not the letter that came back from the mirror")
            else:
                yield None


def _name(one: listing.Letter, content: bytes) -> str:
    """Name a copy by which people can find it: its place in the folder, and the Message-ID where that can still be read."""
    said = field_of(content, "Message-ID").decode("ascii", "replace").strip()
    return visible(" ".join(word for word in (f"number {one.uid}", one.guid, said) if word))
