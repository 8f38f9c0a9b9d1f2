"""Bring the mirrors of people up to date: the nightly run, and one person's.

Who waited longest comes first, so what a run did not reach, or was ended before, is the beginning of the next one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from posthouse.text import visible

from . import jobs
from .doveadm import DoveadmError
from .pace import Doors
from .people import DirectoryAwayError, Person, everybody, some
from .pull import AnotherError, StoreAwayError, UnknownError, anew, doors, probe, record, refresh
from .room import FullError
from .settings import Settings
from .turns import Outcome, Queue

_log = logging.getLogger(__name__)
_SHOWN = 20
_DAY = 86400.0
#: Seconds after which a mirror is told as old: a night was missed.
_LATE = 2 * _DAY
#: A mailstore that is away in the night is asked again after so many seconds: five times within an hour it may be starting anew.
_AGAIN = (60.0, 240.0, 600.0, 900.0, 1800.0)
#: Seconds between two lines that say how far a run is.
_SAID = 5.0


def mirror(
    settings: Settings, people: Sequence[Person], ways: Doors, *, new: bool = False, again: Sequence[float] = (), progress: bool = False
) -> Outcome:
    """Bring mirrors up to date, several at once.

    new: take each mailbox as it is, also where it is another one than the mirror's. again: as Queue has it.
    """
    outcome = Outcome(people=len(people), refused={one.uid: one.refused for one in people if one.refused})
    outcome.unknown = {one.uid: "their account is deleted" for one in people if one.deleted}
    passed = {one.uid: float(record(settings, one.uid).get("passed", 0.0)) for one in people if not (one.refused or one.deleted)}
    order = sorted((one for one in people if one.uid in passed), key=lambda one: passed[one.uid])
    queue = Queue(order, settings.mirroring.at_once_store, time.monotonic() + settings.mirroring.hours * 3600, again)
    guard, began = threading.Lock(), time.monotonic()

    def work() -> None:
        while person := queue.next():
            fault: Exception | None
            received = 0
            try:
                fault, received = _one(settings, person, ways, new)
            except Exception as found:  # noqa: BLE001, because whatever one person's mail does to us, the others are mirrored
                fault = found
            with guard:
                _note(settings, outcome, queue, person, fault, received)

    threads = [threading.Thread(target=work, name=f"mirror-{number}") for number in range(settings.mirroring.at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(_SAID)
            if progress:
                _tell(outcome, time.monotonic() - began)
    outcome.not_reached = queue.left()
    return outcome


def _one(settings: Settings, person: Person, ways: Doors, new: bool) -> tuple[Exception | None, int]:
    """Mirror one person; return what went wrong, and how many bytes came."""
    with ways.to(person.store) as door:
        try:
            if new:
                anew(settings, door, person)
            else:
                refresh(settings, door, person, whole=_whole_due(settings, person.uid))
        except OSError as fault:
            return fault, door.received
        return None, door.received


def _note(settings: Settings, outcome: Outcome, queue: Queue, person: Person, fault: Exception | None, received: int) -> None:
    outcome.bytes += received
    if isinstance(fault, StoreAwayError):
        if left_out := queue.away(person):
            outcome.away[person.store] = str(fault)
            outcome.left_out[person.store] += left_out
        return
    queue.done(person)
    if fault is None:
        outcome.passed += 1
        outcome.letters += int(record(settings, person.uid).get("letters", 0))
    elif isinstance(fault, UnknownError):
        outcome.unknown[person.uid] = str(fault)
    elif isinstance(fault, AnotherError):
        outcome.another[person.uid] = str(fault)
        _log.warning("%s", fault)
    elif isinstance(fault, FullError):
        outcome.full = str(fault)
        queue.leave_all()
    else:
        outcome.faults[person.uid] = str(fault) or type(fault).__name__
        _log.warning("%s is not mirrored: %s", visible(person.uid), visible(str(fault)))


def _whole_due(settings: Settings, uid: str) -> bool:
    """Say whether somebody's turn has come that every letter is looked at; each person has a night of their own for it."""
    days = settings.mirroring.whole_days
    return bool(days) and (int(time.time() / _DAY) + sum(uid.encode())) % days == 0


def _tell(outcome: Outcome, seconds: float) -> None:
    at, rate = outcome.passed + len(outcome.faults) + len(outcome.another), outcome.bytes / max(seconds, 0.001)
    print(f"{at} of {outcome.people} people, {outcome.bytes >> 20} MB, {rate / 1e6:.1f} MB/s, {seconds:.0f} s", file=sys.stderr, flush=True)


def behind(settings: Settings, people: Sequence[Person], now: float) -> dict[str, Any]:
    """Say for the job's detail whose mirror is old, and who has none."""
    told = {one.uid: record(settings, one.uid) for one in people if not (one.refused or one.deleted)}
    passed: dict[str, float] = {uid: float(one["passed"]) for uid, one in told.items() if one.get("passed")}
    oldest = min(passed, key=passed.__getitem__, default=None)
    without = {uid: str(one.get("fault", "")) for uid, one in told.items() if uid not in passed}
    late = {uid: str(told[uid].get("fault", "")) for uid, at in passed.items() if now - at > _LATE}
    return {
        "oldest": [oldest, passed[oldest]] if oldest else None,
        "without": dict(list(without.items())[:_SHOWN]),
        "without_count": len(without),
        "late": dict(list(late.items())[:_SHOWN]),
        "late_count": len(late),
    }


def add(subparsers: Any) -> None:
    """Make the subcommand."""
    parser = subparsers.add_parser("mirror", help="bring mirrors of people's mailboxes up to date")
    parser.add_argument("--person", action="append", default=[], metavar="UID", help="only this person's; may be given several times")
    parser.add_argument("--anew", action="store_true", help="with --person: take the mailbox as it is now, also when it is another one")
    parser.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.anew and not given.person:
        print("backup: --anew needs --person: a mailbox that is another one is looked at first", file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        known = some(settings, given.person) if given.person else everybody(settings)
        if missing := set(given.person) - {one.uid for one in known}:
            print(f"backup: the directory has no {', '.join(map(visible, sorted(missing)))}", file=sys.stderr)
            return 2
        with doors(settings) as ways:
            if given.check:
                return _check(settings, known, ways, given)
            if given.person:
                outcome = mirror(settings, known, ways, new=given.anew, progress=sys.stderr.isatty())
            else:
                with jobs.job(settings.home / "state", jobs.MIRROR) as detail:
                    outcome = _nightly(settings, known, ways, detail)
    except jobs.Imperfect as fault:
        print(
            f"backup: {fault}. The journal says more (journalctl -t backup); the next run begins with whoever waited longest.",
            file=sys.stderr,
        )
        return 1
    except (DirectoryAwayError, OSError) as fault:
        print(f"backup: {fault}. Mirrors stay as they are; the next run goes on.", file=sys.stderr)
        return 1
    return _say(outcome, time.monotonic() - began, given.json)


def _nightly(settings: Settings, known: Sequence[Person], ways: Doors, detail: dict[str, Any]) -> Outcome:
    outcome = mirror(settings, known, ways, again=_AGAIN, progress=sys.stderr.isatty())
    now = time.time()
    detail.update(outcome.detail() | behind(settings, known, now))
    _log.info("%d of %d people mirrored, %d MB came", outcome.passed, outcome.people, outcome.bytes >> 20)
    if outcome.fault:
        raise jobs.Imperfect(outcome.fault)
    return outcome


def _check(settings: Settings, known: Sequence[Person], ways: Doors, given: argparse.Namespace) -> int:
    """Ask mailstores about the people named, and say of everybody else only how long they have waited."""
    rows: list[dict[str, Any]] = []
    for person in known:
        row: dict[str, Any] = {"person": person.uid, "store": person.store, "fault": person.refused}
        row |= {} if person.refused else {"passed": record(settings, person.uid).get("passed")}
        if given.person and not person.refused:
            with ways.to(person.store) as door:
                try:
                    row["letters"] = probe(settings, door, person)
                except (DoveadmError, OSError) as fault:
                    row["fault"] = str(fault)
        rows.append(row)
    rows.sort(key=lambda row: row.get("passed") or 0.0)
    if given.json:
        print(json.dumps({"people": rows}))
    else:
        for row in rows:
            at = datetime.fromtimestamp(row["passed"], UTC).isoformat(timespec="seconds") if row.get("passed") else "never"
            letters = f"  {row['letters']} letters there" if "letters" in row else ""
            print(f"{visible(row['person']):20} {at:25} {row['store']}{letters}{'  ' + visible(row['fault']) if row['fault'] else ''}")
    return 1 if any(row["fault"] for row in rows) else 0


def _say(outcome: Outcome, seconds: float, as_json: bool) -> int:
    if as_json:
        print(json.dumps({**outcome.detail(), "seconds": round(seconds, 1)}))
    else:
        rate = f"{outcome.bytes >> 20} MB came in {seconds:.1f} s, {outcome.bytes / max(seconds, 0.001) / 1e6:.1f} MB/s"
        print(f"{outcome.passed} of {outcome.people} people, {outcome.letters} letters; {rate}")
        for uid, why in [*outcome.refused.items(), *outcome.unknown.items(), *outcome.faults.items(), *outcome.another.items()]:
            print(f"  {visible(uid)}: {visible(why)}")
    if outcome.fault:
        print(f"backup: {outcome.fault}", file=sys.stderr)
    return 1 if outcome.fault else 0
