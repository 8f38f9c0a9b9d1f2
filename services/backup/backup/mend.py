"""Letters in staging that cannot be read: their copies take their place, or they stay away, so that all others come back.

dsync reads a letter when it is sent, and one that is damaged ends all of it: nothing behind it would come back (seen with 2.4.1).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from posthouse.copyletter import CopyError, unwrap

from . import doveadm, kept, listing, maildirs


def mend(person: str, maildir: Path, there: Collection[str], faults: list[str]) -> int:
    """Put copies in the place of letters that cannot be read, or take those away. Returns how many there were. Raises OSError.

    maildir: in scratch, and nobody else's. there: GUIDs that the store has, which are not sent. faults: what is told of each.
    """
    count = 0
    for folder, letter, why in _unreadable(person, maildir, there):
        count += 1
        when = letter.path.stat().st_mtime
        letter.path.unlink()  # a second name of the mirror's file: that one stays
        text = _copied(person, letter)
        if text is None:
            faults.append(f"letter {letter.guid} of {folder} is damaged, and there is no copy: {why}")
            continue
        letter.path.write_bytes(text)
        os.utime(letter.path, (when, when))  # by which IMAP knows when it came
        faults.append(f"letter {letter.guid} of {folder} is damaged in the mirror; its copy came back in its place")
    return count


def _unreadable(person: str, maildir: Path, there: Collection[str]) -> Iterator[tuple[str, maildirs.Stored, str]]:
    place = doveadm.Place(person, maildir)
    directories = maildirs.folders(maildir)
    try:
        for folder in listing.folders(place):
            known = {one.uid: one.guid for one in listing.letters(place, folder) if one.guid not in there}
            broken = {known[one.uid]: one.fault for one, _ in listing.contents(place, folder, known) if one.fault}
            letters = maildirs.read(folder.name, directories[folder.name]).letters if broken and folder.name in directories else []
            yield from ((folder.name, one, broken[one.guid]) for one in letters if one.guid in broken)
    except listing.ListingError as fault:
        raise doveadm.DoveadmError(str(fault), doveadm.TEMPORARY) from fault


def _copied(person: str, letter: maildirs.Stored) -> bytes | None:
    """Return the letter as its copy has it, if there is one of the size that the file's name promises."""
    place = doveadm.Place(person, doveadm.COPIES)
    wanted = [one for one in kept.copies(person, 0.0, []) if one.facts.guid == letter.guid]
    for _, outer in kept.texts(place, maildirs.INBOX, wanted, []):
        try:
            text = unwrap(outer)[1]
        except CopyError:
            continue
        if len(text) == letter.size:
            return text
    return None
