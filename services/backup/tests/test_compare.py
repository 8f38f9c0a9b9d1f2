"""What differs between a mailbox and what came back of it is found and named; what people removed meanwhile is none of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.backup.backup.compare import Compared, Difference, Mailbox, by_guid, compared
from services.backup.backup.listing import Letter

ONE = Letter(1, "a", frozenset({"\\Seen"}), "2026-11-01 10:00:00", "2026-11-01 10:00:00", 10, "1" * 64)
TWO = replace(ONE, uid=2, guid="b", sha256="2" * 64)


def mailbox(**folders: list[Letter]) -> Mailbox:
    return {name: by_guid(letters) for name, letters in folders.items()}


def test_what_is_equal_is_counted() -> None:
    # Numbers differ after a restore into a folder that has others, and the moment of saving is that of the restore.
    other = replace(TWO, uid=9, saved="2026-11-02 10:00:00")
    assert compared(mailbox(INBOX=[ONE, other], Sent=[]), mailbox(INBOX=[ONE, TWO], Sent=[])) == Compared(same=2)


@pytest.mark.parametrize(
    ("change", "word", "lost"),
    [
        ({"sha256": "3" * 64, "size": 9}, "other bytes: 9 of SHA-256 3333333333333333 instead of 10", True),
        ({"flags": frozenset()}, "the flags (none) instead of \\Seen", False),
        ({"flags": frozenset({"\\Seen", "$label"})}, "the flags $label \\Seen instead of \\Seen", False),
        ({"received": "2026-11-01 11:00:00"}, "the date 2026-11-01 11:00:00", False),
    ],
)
def test_a_letter_that_differs(change: dict[str, Any], word: str, lost: bool) -> None:
    found = compared(mailbox(INBOX=[replace(ONE, **change), TWO]), mailbox(INBOX=[ONE, TWO]))
    assert found.same == 1
    [difference] = found.differences
    assert (difference.folder, difference.guid, difference.lost) == ("INBOX", "a", lost)
    assert word in difference.what


def test_what_is_missing_or_there_twice() -> None:
    assert compared(mailbox(INBOX=[TWO]), mailbox(INBOX=[ONE, TWO])).differences == {Difference("INBOX", "a", "is not in the backup", True)}
    twice = compared(mailbox(INBOX=[ONE, replace(ONE, uid=5)]), mailbox(INBOX=[ONE]))
    assert twice.differences == {Difference("INBOX", "a", "is there 2 times instead of 1")}
    assert compared(mailbox(INBOX=[]), mailbox(INBOX=[], Sent=[ONE])).differences == {
        Difference("Sent", "", "the folder is not in the backup", True)
    }
    assert compared(mailbox(), mailbox(Empty=[])).differences == {Difference("Empty", "", "the folder is not in the backup")}


def test_what_cannot_be_read_is_told_with_its_reason() -> None:
    unread = replace(ONE, sha256="", fault="Broken pipe")
    ours = compared(mailbox(INBOX=[unread, TWO]), mailbox(INBOX=[ONE, TWO]))
    assert ours == Compared(same=1, differences={Difference("INBOX", "a", "cannot be read: Broken pipe", True)})
    theirs = compared(mailbox(INBOX=[ONE]), mailbox(INBOX=[unread]))
    assert theirs.differences == {Difference("INBOX", "a", "cannot be read on the mailstore: Broken pipe")}
    # Also of what the person has removed since.
    assert compared(mailbox(INBOX=[unread]), mailbox(INBOX=[])).differences == ours.differences


def test_what_the_person_removed_is_no_fault() -> None:
    assert compared(mailbox(INBOX=[ONE, TWO], Old=[ONE]), mailbox(INBOX=[TWO])) == Compared(same=1, gone=2)


def test_bytes_that_were_not_read_are_not_compared() -> None:
    assert compared(mailbox(INBOX=[replace(ONE, sha256="")]), mailbox(INBOX=[ONE])) == Compared(same=1)
