"""Compare what came back with what people have: every letter's bytes, flags and dates, and every folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .listing import Letter

#: By folder, by the letter's own name (GUID), which stays the same wherever a letter goes; more than one is a letter that is there twice.
Mailbox = Mapping[str, Mapping[str, list[Letter]]]


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
    """Sort the letters of a folder by their own names; those that cannot be read stand under nothing."""
    found: dict[str, list[Letter]] = defaultdict(list)
    for one in letters:
        found[one.guid].append(one)
    return dict(found)


def compared(restored: Mailbox, live: Mailbox, chosen: Mapping[str, Iterable[str]] | None = None) -> Compared:
    """Compare what was restored with what the person has now. chosen: the letters of folders that count; a folder not in it: all.

    What was restored and is not in the mailbox any more is no fault: people remove letters, and a backup is there for that.
    """
    found = Compared()
    for folder in sorted(set(restored) | set(live)):
        ours, theirs = restored.get(folder), live.get(folder)
        if theirs is None:
            found.gone += sum(map(len, (ours or {}).values()))
        elif ours is None:
            found.differences.add(Difference(folder, "", "the folder is not in the backup", lost=bool(theirs)))
        else:
            for unread in theirs.get("", []):
                found.differences.add(Difference(folder, "", f"number {unread.uid} cannot be read on the mailstore: {unread.fault}"))
            _folder(folder, ours, theirs, None if chosen is None else chosen.get(folder), found)
    return found


def _folder(
    folder: str,
    ours: Mapping[str, list[Letter]],
    theirs: Mapping[str, list[Letter]],
    chosen: Iterable[str] | None,
    found: Compared,
) -> None:
    for broken in ours.get("", []):
        found.differences.add(Difference(folder, "", f"number {broken.uid} cannot be read: {broken.fault}", lost=True))
    wanted = (set(theirs) if chosen is None else set(chosen) & set(theirs)) - {""}
    for guid in wanted:
        what = _unlike(ours.get(guid, []), theirs[guid])
        found.differences |= {Difference(folder, guid, words, lost) for words, lost in what}
        found.same += not what
    found.gone += len(set(ours) - set(theirs) - {""})


def _unlike(ours: list[Letter], theirs: list[Letter]) -> list[tuple[str, bool]]:
    """Say how a letter differs, and whether its bytes are lost."""
    if not ours:
        return [("is not in the backup", True)]
    if len(ours) != len(theirs):
        return [(f"is there {len(ours)} times instead of {len(theirs)}", False)]
    mine, live = ours[0], theirs[0]
    what = []
    if mine.sha256 != live.sha256:
        what.append((f"has other bytes: {mine.size} of SHA-256 {mine.sha256[:16]} instead of {live.size} of {live.sha256[:16]}", True))
    if mine.flags != live.flags:
        what.append((f"has the flags {_words(mine.flags)} instead of {_words(live.flags)}", False))
    if mine.received != live.received:
        what.append((f"has the date {mine.received} instead of {live.received}", False))
    return what


def _words(flags: frozenset[str]) -> str:
    return " ".join(sorted(flags)) or "(none)"
