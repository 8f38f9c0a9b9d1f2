"""Compare what came back with what people have: every letter's bytes, flags and dates, and every folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .listing import Letter

#: By folder, by the letter's own name (GUID), which stays the same wherever a letter goes; more than one is a letter that is there twice.
Mailbox = Mapping[str, Mapping[str, list[Letter]]]


NO_FOLDER = "the folder is not in the backup"


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """What is wrong with one letter, or with a folder (then guid is empty). lost: its bytes are not what they were, or not there."""

    folder: str
    guid: str
    what: str
    lost: bool = False


@dataclass(slots=True)
class Compared:
    """What a comparison found. same: letters that are equal in everything. gone: letters that the person has removed since."""

    same: int = 0
    gone: int = 0
    differences: set[Difference] = field(default_factory=set)


def by_guid(letters: Iterable[Letter]) -> dict[str, list[Letter]]:
    """Sort the letters of a folder by their own names."""
    found: dict[str, list[Letter]] = defaultdict(list)
    for one in letters:
        found[one.guid].append(one)
    return dict(found)


def compared(restored: Mailbox, live: Mailbox) -> Compared:
    """Compare what was restored with what the person has now. Bytes are compared of letters that were read on both sides.

    What was restored and is not in the mailbox any more is no fault: people remove letters, and a backup is there for that.
    """
    found = Compared()
    for folder in sorted(set(restored) | set(live)):
        ours, theirs = restored.get(folder), live.get(folder, {})
        if ours is None:
            found.differences.add(Difference(folder, "", NO_FOLDER, lost=bool(theirs)))
            continue
        for guid in sorted(set(ours) | set(theirs)):
            what = _unlike(ours.get(guid, []), theirs.get(guid, []))
            found.differences |= {Difference(folder, guid, words, lost) for words, lost in what}
            found.gone += guid not in theirs
            found.same += guid in theirs and not what
    return found


def _unlike(ours: Sequence[Letter], theirs: Sequence[Letter]) -> list[tuple[str, bool]]:
    """Say how a letter differs, and whether its bytes are lost."""
    if not ours:
        return [("is not in the backup", True)]
    what = [(f"cannot be read: {one.fault}", True) for one in ours if one.fault]
    if not theirs:
        return what
    if len(ours) != len(theirs):
        return [*what, (f"is there {len(ours)} times instead of {len(theirs)}", False)]
    mine, live = ours[0], theirs[0]
    what += [(f"cannot be read on the mailstore: {one.fault}", False) for one in theirs if one.fault]
    if mine.sha256 and live.sha256 and mine.sha256 != live.sha256:
        what.append((f"has other bytes: {mine.size} of SHA-256 {mine.sha256[:16]} instead of {live.size} of {live.sha256[:16]}", True))
    if mine.flags != live.flags:
        what.append((f"has the flags {_words(mine.flags)} instead of {_words(live.flags)}", False))
    if mine.received != live.received:
        what.append((f"has the date {mine.received} instead of {live.received}", False))
    return what


def _words(flags: frozenset[str]) -> str:
    return " ".join(sorted(flags)) or "(none)"
