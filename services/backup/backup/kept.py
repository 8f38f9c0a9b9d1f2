"""Read the letters that are kept of a person, without holding more of them in memory than need be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from posthouse.copyletter import CopyError, Facts, facts_of

from . import doveadm

#: Seconds by which the clocks of machines may differ. GUIDs keep doubles out anyway: an hour costs no more than that a letter comes back
#: which somebody removed within the hour before the mirror.
SLACK = 3600.0
#: A large mailbox on a slow disk.
PATIENCE = 3600.0
#: Bytes, and letters, that one command is asked for.
_BYTES, _LETTERS = 64 << 20, 500
_FACTS = ("Copy", "Person", "Folder", "Guid", "Uid", "Uidvalidity", "Saved", "Flags", "Store", "Sender", "Recipient", "Sha256", "Size")
#: The fields of doveadm-fetch(1) that make a copy's facts. Not `hdr`: its lines would not be told from those of the answer.
FACTS = tuple(f"hdr.x-posthouse-{name.lower()}" for name in _FACTS)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter where it is kept. received: seconds since 1970."""

    uid: int
    size: int
    guid: str = ""
    flags: tuple[str, ...] = ()
    received: float = 0.0


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy where it is kept."""

    uid: int
    size: int
    facts: Facts


Kept = TypeVar("Kept", Letter, Copy)
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def listed(place: doveadm.Place, folder: str, query: Sequence[str] = ()) -> list[Letter]:
    """Return the letters of a folder that a query finds. Raises DoveadmError."""
    fields = ["uid", "size.physical", "guid", "flags", "date.received.unixtime"]
    rows = doveadm.fetch(place, fields, ["mailbox", folder, *query], patience=PATIENCE)
    return [_letter(one) for one in rows]


def _letter(row: Mapping[str, bytes]) -> Letter:
    flags = tuple(one for one in row["flags"].decode("utf-8", "surrogateescape").split() if one != "\\Recent")
    guid = row["guid"].decode("utf-8", "surrogateescape")
    return Letter(int(row["uid"]), int(row["size.physical"]), guid, flags, float(row["date.received.unixtime"]))


def these(guids: Iterable[str]) -> list[str]:
    """Return the query for letters of these GUIDs."""
    words = [word for guid in sorted(guids) for word in ("or", "guid", guid)]
    return ["(", *words[1:], ")"]


def copies(person: str, since: float, faults: list[str]) -> list[Copy]:
    """Return the copies of letters delivered since then, seconds since 1970. What is no copy is passed over. Raises DoveadmError."""
    # A copy comes after its delivery, never before.
    query = ["savedsince", str(int(since - SLACK))] if since > SLACK else []
    found = []
    place = doveadm.Place(person, doveadm.COPIES)
    for row in readable(place, ["uid", "size.physical", *FACTS], ["mailbox", "INBOX"], query, faults):
        facts = facts_in(row)
        if facts and facts.saved.timestamp() >= since:
            found.append(Copy(int(row["uid"]), int(row["size.physical"]), facts))
    return found


def readable(
    place: doveadm.Place, fields: Sequence[str], within: Sequence[str], query: Sequence[str], faults: list[str]
) -> list[Mapping[str, bytes]]:
    """Return what is asked for of the letters that a query finds; one that cannot be read becomes a fault and hides no other.

    within: what says which folders, for which doveadm need not look into a letter. Raises DoveadmError.
    """
    try:
        return list(doveadm.fetch(place, fields, [*within, *query] or ["all"], patience=PATIENCE))
    except doveadm.DoveadmError as fault:
        if not _damaged(fault):
            raise
    # A damaged letter ends the whole answer. The numbers are known without looking into any.
    numbers: dict[str, list[str]] = {}
    for line in doveadm.run(place, ["search", *(within or ["all"])], patience=PATIENCE).decode("ascii", "replace").splitlines():
        folder, _, uid = line.partition(" ")
        numbers.setdefault(folder, []).append(uid)
    found: list[Mapping[str, bytes]] = []
    for folder, uids in numbers.items():

        def rows(some: Sequence[str], folder: str = folder) -> Iterable[Mapping[str, bytes]]:
            return doveadm.fetch(place, fields, ["mailbox-guid", folder, "uid", ",".join(some), *query], patience=PATIENCE)

        found += _halved(rows, uids, lambda uid, fault: faults.append(f"letter {uid}: {fault}"))
    return found


def _halved(
    ask: Callable[[Sequence[Asked]], Iterable[Answer]], some: Sequence[Asked], lost: Callable[[Asked, doveadm.DoveadmError], None]
) -> Iterator[Answer]:
    """Yield what is answered of some letters, asked in ever smaller parts where a damaged one ends an answer; that one is lost."""
    try:
        found = list(ask(some))
    except doveadm.DoveadmError as fault:
        if not _damaged(fault):
            raise
        if len(some) == 1:
            lost(some[0], fault)
            return
        for half in (some[: len(some) // 2], some[len(some) // 2 :]):
            yield from _halved(ask, half, lost)
        return
    yield from found


def _damaged(fault: doveadm.DoveadmError) -> bool:
    """Say whether a letter may be why doveadm failed: it says 75 of one that cannot be decompressed, as of much else that may pass."""
    return fault.exit not in (-1, doveadm.NO_USER)


def facts_in(row: Mapping[str, bytes]) -> Facts | None:
    """Return the facts of a copy of which FACTS were fetched, or nothing when it is none."""
    header = b"".join(b"X-Posthouse-%s: %s\n" % (name.encode(), row[field]) for name, field in zip(_FACTS, FACTS, strict=True))
    try:
        return facts_of(header)
    except CopyError:
        return None


def texts(place: doveadm.Place, folder: str, wanted: Sequence[Kept], faults: list[str]) -> Iterator[tuple[Kept, bytes]]:
    """Yield letters with their bytes. One that cannot be read becomes a fault and keeps no other back. Raises DoveadmError."""

    def read(some: Sequence[Kept]) -> Iterable[tuple[Kept, bytes]]:
        by_uid = {one.uid: one for one in some}
        query = ["mailbox", folder, "uid", ",".join(map(str, sorted(by_uid)))]
        found = {int(row["uid"]): row["text"] for row in doveadm.fetch(place, ["uid"], query, text=True, patience=PATIENCE)}
        faults.extend(f"letter {one} of {folder} went away while it was read" for one in by_uid.keys() - found.keys())
        return ((by_uid[uid], text) for uid, text in found.items())

    at = 0
    while at < len(wanted):
        end, size = at, 0
        while end < len(wanted) and end - at < _LETTERS and (end == at or size + wanted[end].size <= _BYTES):
            size += wanted[end].size
            end += 1
        yield from _halved(read, wanted[at:end], lambda one, fault: faults.append(f"letter {one.uid} of {folder}: {fault}"))
        at = end
