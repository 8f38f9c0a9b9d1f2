"""Remove copies and removed letters that were kept for their time, to the second, and nothing of whom a hold names."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from posthouse.text import visible

from . import jobs, owners
from .doveadm import COPIES, REMOVED, REMOVED_FOLDERS, Place, fetch, run
from .holds import held
from .kept import readable
from .people import DirectoryAwayError, Person, everybody
from .settings import Settings

_log = logging.getLogger(__name__)
_SAVED = "hdr.x-posthouse-saved"
#: UIDs in one command; a command line has room for 128 KB in one word (execve(2)).
_AT_ONCE = 5000
_SHOWN = 20


@dataclass
class Outcome:
    """What a run did."""

    people: int = 0
    copies: int = 0
    removed: int = 0
    #: Of whom nothing was culled because of a hold; whom the directory has no more; of the latter, whose folder went.
    held: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    def detail(self) -> dict[str, Any]:
        """Return it as the job's detail."""
        return {
            "people": self.people,
            "removed": self.copies + self.removed,
            "copies": self.copies,
            "removed_letters": self.removed,
            "held": len(self.held),
            "gone": len(self.gone),
            "ended": len(self.ended),
            "faults": dict(list(self.faults.items())[:_SHOWN]),
            "faults_count": len(self.faults),
        }


def is_due(saved: datetime, now: datetime, days: int) -> bool:
    """Say whether something has been kept for its days: not a second before, and at the moment itself."""
    return now - saved >= timedelta(days=days)


def due_copies(rows: Iterable[Mapping[str, bytes]], now: datetime, days: int) -> list[int]:
    """Return the UIDs of copies that have been kept for their days since they were delivered to the person.

    rows: with uid, the copy's own word for when that was, and when it came here, for one that says nothing.
    """
    found = []
    for row in rows:
        try:
            saved = datetime.fromisoformat(row[_SAVED].decode("ascii").strip())
            saved = saved if saved.tzinfo else saved.replace(tzinfo=UTC)
        except ValueError:
            saved = _moment(row["date.saved.unixtime"])
        if is_due(saved, now, days):
            found.append(int(row["uid"]))
    return found


def due_removed(rows: Iterable[Mapping[str, bytes]], now: datetime, days: int) -> dict[str, list[int]]:
    """Return the UIDs of removed letters that have been kept for their days since they were removed, by folder."""
    found: dict[str, list[int]] = {}
    for row in rows:
        if is_due(_moment(row["date.saved.unixtime"]), now, days):
            found.setdefault(row["mailbox"].decode("utf-8", "surrogateescape"), []).append(int(row["uid"]))
    return found


def uid_set(uids: Iterable[int]) -> list[str]:
    """Write UIDs as IMAP does (1:3,7), in as many pieces as fit into a command."""
    ordered, ranges = sorted(set(uids)), list[list[int]]()
    for uid in ordered:
        if ranges and ranges[-1][1] == uid - 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    words = [f"{first}:{last}" if first != last else str(first) for first, last in ranges]
    return [",".join(words[at : at + _AT_ONCE]) for at in range(0, len(words), _AT_ONCE)]


def cull_person(settings: Settings, person: Person, now: datetime, outcome: Outcome, *, check: bool = False) -> None:
    """Remove what is due of one person. check: only count. Raises DoveadmError."""
    home = settings.person(person.uid)
    if (home / COPIES).is_dir():
        place = Place(person.uid, COPIES)
        uids = due_copies(_copies(place), now, person.days)
        for piece in [] if check else uid_set(uids):
            run(place, ["expunge", "mailbox", "INBOX", "uid", piece])
        outcome.copies += len(uids)
    if (home / REMOVED).is_dir():
        place = Place(person.uid, REMOVED)
        rows = fetch(place, ["mailbox", "uid", "date.saved.unixtime"], ["mailbox", f"{REMOVED_FOLDERS}*", "all"])
        for folder, uids in due_removed(rows, now, person.days).items():
            for piece in [] if check else uid_set(uids):
                run(place, ["expunge", "mailbox", folder, "uid", piece])
            outcome.removed += len(uids)


def cull(settings: Settings, now: datetime, *, check: bool = False) -> Outcome:
    """Remove what is due of everybody. Raises DirectoryAwayError: without the directory nobody's class is known."""
    known = {one.uid: one for one in everybody(settings, anywhere=True)}
    if not known:
        # An empty directory is an accident, and this is the machine that helps after one.
        raise DirectoryAwayError("the directory answers, and has nobody: nothing is culled")
    longest = max([settings.days, *(one.days for one in settings.classes)])
    outcome, holding = Outcome(), held(settings, now)
    for uid in owners.here(settings):
        if uid.lower() in holding:
            outcome.held.append(uid)
            continue
        person = known.get(uid)
        if person is None:
            # Whose class nobody can tell any more is kept as long as anybody.
            outcome.gone.append(uid)
            person = Person(uid=uid, store="", entry="", kind="", days=longest)
        outcome.people += 1
        try:
            if person.entry and not check:
                owners.claim(settings, person)
            cull_person(settings, person, now, outcome, check=check)
        except DirectoryAwayError:
            raise
        except OSError as fault:
            outcome.faults[uid] = str(fault)
            _log.warning("nothing was culled of %s: %s", visible(uid), fault)
    if len(outcome.gone) * 2 <= outcome.people + len(outcome.held):
        outcome.ended = owners.remove_gone(settings, known, holding, now, longest, check=check)
    else:
        _log.warning("the directory has had %d of %d people no more: nobody's folder goes", len(outcome.gone), outcome.people)
    return outcome


def _copies(place: Place) -> list[Mapping[str, bytes]]:
    """Return of each copy its UID, its own word for when it was delivered, and when it came.

    The word stands in Dovecot's index. Where that was lost the letters are opened: what a damaged one cannot say is empty.
    """
    within, damaged = ["mailbox", "INBOX"], list[str]()
    rows = readable(place, ["uid", _SAVED, "date.saved.unixtime"], within, [], damaged)
    if damaged:
        known = {row["uid"] for row in rows}
        rows += [{**row, _SAVED: b""} for row in fetch(place, ["uid", "date.saved.unixtime"], within) if row["uid"] not in known]
    return rows


def add(subparsers: Any) -> None:
    """Make the subcommand."""
    parser = subparsers.add_parser("cull", help="remove copies and removed letters that were kept for their days")
    parser.add_argument("--check", action="store_true", help="say what would go, and remove nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    began, now = time.monotonic(), datetime.now(UTC)
    try:
        if given.check:
            outcome = cull(settings, now, check=True)
        else:
            with jobs.job(settings.home / "state", jobs.CULL) as detail:
                outcome = cull(settings, now)
                detail.update(outcome.detail())
                _judge(outcome)
    except (DirectoryAwayError, OSError) as fault:
        print(f"backup: {fault}. What is due goes with the next run.", file=sys.stderr)
        return 1
    except jobs.Imperfect as fault:
        print(f"backup: {fault}. The journal says why (journalctl -t backup); the next run tries again.", file=sys.stderr)
        return 1
    seconds = round(time.monotonic() - began, 1)
    if given.json:
        print(json.dumps({**outcome.detail(), "check": given.check, "seconds": seconds}))
    else:
        words = f"{outcome.copies} copies and {outcome.removed} removed letters {'would go' if given.check else 'went'}"
        print(f"{words}; {outcome.people} people, {len(outcome.held)} held, {seconds} s")
    return 1 if outcome.faults else 0


def _judge(outcome: Outcome) -> None:
    if outcome.faults:
        raise jobs.Imperfect(f"nothing was culled of {len(outcome.faults)} people, the first of them {next(iter(outcome.faults))}")


def _moment(seconds: bytes) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
