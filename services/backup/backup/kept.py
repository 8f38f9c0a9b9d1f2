"""Read the letters that are kept of a person, without holding more of them in memory than need be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def copies(person: str, since: float) -> list[Copy]:
    """Return the copies of letters delivered since then, seconds since 1970. What is no copy is passed over. Raises DoveadmError."""
    # A copy comes after its delivery, never before.
    query = ["mailbox", "INBOX", *(["savedsince", str(int(since - SLACK))] if since > SLACK else [])]
    found = []
    for row in doveadm.fetch(doveadm.Place(person, doveadm.COPIES), ["uid", "size.physical", *FACTS], query, patience=PATIENCE):
        facts = facts_in(row)
        if facts and facts.saved.timestamp() >= since:
            found.append(Copy(int(row["uid"]), int(row["size.physical"]), facts))
    return found


def facts_in(row: Mapping[str, bytes]) -> Facts | None:
    """Return the facts of a copy of which FACTS were fetched, or nothing when it is none."""
    header = b"".join(b"X-Posthouse-%s: %s\n" % (name.encode(), row[field]) for name, field in zip(_FACTS, FACTS, strict=True))
    try:
        return facts_of(header)
    except CopyError:
        return None


def texts(place: doveadm.Place, folder: str, wanted: Sequence[Kept], faults: list[str]) -> Iterator[tuple[Kept, bytes]]:
    """Yield letters with their bytes. One that cannot be read becomes a fault and keeps no other back. Raises DoveadmError."""
    at = 0
    while at < len(wanted):
        end, size = at, 0
        while end < len(wanted) and end - at < _LETTERS and (end == at or size + wanted[end].size <= _BYTES):
            size += wanted[end].size
            end += 1
        yield from _texts(place, folder, wanted[at:end], faults)
        at = end


def _texts(place: doveadm.Place, folder: str, some: Sequence[Kept], faults: list[str]) -> Iterator[tuple[Kept, bytes]]:
    by_uid = {one.uid: one for one in some}
    query = ["mailbox", folder, "uid", ",".join(map(str, sorted(by_uid)))]
    try:
        found = [(by_uid[int(row["uid"])], row["text"]) for row in doveadm.fetch(place, ["uid"], query, text=True, patience=PATIENCE)]
    except doveadm.DoveadmError as fault:
        if fault.temporary:
            raise
        if len(some) == 1:
            faults.append(f"letter {some[0].uid} of {folder}: {fault}")
            return
        for half in (some[: len(some) // 2], some[len(some) // 2 :]):
            yield from _texts(place, folder, half, faults)
        return
    yield from found
    faults.extend(f"letter {one} of {folder} went away while it was read" for one in by_uid.keys() - {letter.uid for letter, _ in found})
