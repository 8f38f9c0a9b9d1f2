"""Bring a whole mailstore back, person by person: who used their mail last comes first, so that they have it back first.

What is done is written down after each person. A run that was killed goes on where it was, and the person it was at is begun anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posthouse import state
from posthouse.placement import places
from posthouse.text import visible

from . import bring_back, doveadm, maildirs, people
from .bring_back import Done
from .find import FAULT, FINE, complain
from .people import Person
from .progress import EVERY, Progress
from .settings import Settings
from .staging import Wish

#: So many faults in a row that may pass mean that the mailstore is away.
_AWAY_AFTER = 5
_MOST_SHOWN = 20


@dataclass
class Journal:
    """Who is done: one line each, on the disk before the next one begins."""

    path: Path
    done: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def opened(cls, path: Path, anew: bool) -> Journal:
        """Read what an earlier run did; its last line may be half a line."""
        if anew:
            path.unlink(missing_ok=True)
        journal = cls(path)
        with suppress(FileNotFoundError):
            for line in path.read_text("utf-8").splitlines():
                with suppress(ValueError, KeyError, TypeError):
                    one = json.loads(line)
                    journal.done[one["person"]] = one
        return journal

    def write(self, one: Done) -> None:
        """Write one person down."""
        self.done[one.person] = told = {"person": one.person, "letters": one.letters, "size": one.size, "faults": one.faults}
        with self.path.open("ab") as stream:
            # Begins a line of its own, also after half a line.
            stream.write(b"\n" + json.dumps(told).encode())
            stream.flush()
            os.fsync(stream.fileno())

    def close(self) -> None:
        """All are done: the next restore of this store is another one."""
        if self.path.exists():
            self.path.replace(self.path.with_name(f"{self.path.name}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}.done"))


def add(kinds: Any, exits: str) -> None:
    """Make the subcommand."""
    parser = kinds.add_parser("store", help="everybody of a mailstore", description=__doc__, epilog=exits)
    parser.add_argument("--store", required=True, metavar="MAILSTORE", help="whose people: those who have it as their mailHost")
    parser.add_argument("--to", default="", metavar="MAILSTORE", help="where their mail goes (default: the same)")
    parser.add_argument(
        "--first",
        type=Path,
        metavar="FILE",
        help="logins, one a line (- is standard input): they come first, before those of the inventory",
    )
    parser.add_argument("--only", type=Path, metavar="FILE", help="logins, one a line: nobody else")
    parser.add_argument("--without", action="append", default=[], metavar="MACHINE", help="a backup machine that is gone; others stand in")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="people at a time (default: %(default)s)")
    parser.add_argument("--anew", action="store_true", help="forget what an earlier run of this restore did")
    parser.add_argument("--progress", action="store_true", help="say how far the run is that is at work, or how the last one ended")
    parser.add_argument("--check", action="store_true", help="say who would come back in which order, and change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=run)


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Restore, and return the exit code."""
    to = given.to or given.store
    for one in (given.store, to):
        if one not in settings.stores:
            return complain(given, f"{visible(one)} is no mailstore of this site; there are {', '.join(settings.stores)}", FAULT)
    folder = settings.home / "state"
    name = f"restore-{given.store}-to-{to}"
    if given.progress:
        return _shown(given, folder / f"{name}.progress")
    try:
        first = [*_logins(given.first), *settings.restore_first]
        only = set(_logins(given.only)) if given.only else None
        everyone = _residents(settings, given.store, given.without)
    except OSError as fault:
        return complain(given, str(fault), FAULT)
    if only is not None:
        if strangers := sorted(only - {one.uid for one in everyone}):
            return complain(given, f"{visible(strangers[0])} is not kept here, or not of {given.store}; nothing was done", FAULT)
        everyone = [one for one in everyone if one.uid in only]
    ordered = in_order(settings, everyone, first)
    journal = Journal.opened(folder / f"{name}.journal", given.anew and not given.check)
    left = [one for one in ordered if one.uid not in journal.done]
    if given.check:
        return _planned(settings, given, left, len(ordered))
    with state.alone(_lock(folder)):
        progress = Progress(len(left), _volumes(settings, left), folder / f"{name}.progress")
        faults = carry_out(settings, left, to, journal, progress, max(1, given.at_once))
        return _end(given, journal, progress, faults, [one.uid for one in ordered])


def _shown(given: argparse.Namespace, path: Path) -> int:
    told = state.read(path)
    if not told:
        return complain(given, f"no restore of {given.store} has begun here", FAULT)
    print(json.dumps(told) if given.json else f"{told['at']}  {told['line']}")
    return FINE


def _lock(folder: Path) -> Path:
    path = folder / "restore"
    path.mkdir(exist_ok=True)
    return path


def _logins(path: Path | None) -> list[str]:
    if path is None:
        return []
    text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _residents(settings: Settings, store: str, without: Sequence[str]) -> list[Person]:
    """Return the people of a store whom this machine answers for: the first of those that keep them and are not gone."""
    return [
        one
        for one in people.everybody(settings)
        if one.store == store
        and not (one.refused or one.deleted)
        and next((place for place in places(one.uid, settings.machines, settings.copies) if place not in without), "") == settings.hostname
    ]


def in_order(settings: Settings, everyone: Sequence[Person], first: Sequence[str]) -> list[Person]:
    """Return people in the order in which they come back: those who are named, then whoever used their mail last."""
    rank = {uid: number for number, uid in reversed(list(enumerate(first)))}
    return sorted(everyone, key=lambda one: (rank.get(one.uid, len(first)), -_active(settings.person(one.uid)), one.uid))


def _active(home: Path) -> float:
    """Return when somebody last read, filed or sent mail, as far as the mirror knows; else when they last got some."""
    mirror = home / "mirror"
    times = [(path / "cur").stat().st_mtime for path in maildirs.folders(mirror).values()]
    with suppress(OSError):
        times += [] if times else [(home / "copies" / "new").stat().st_mtime]
    return max(times, default=0.0)


def _volumes(settings: Settings, everyone: Sequence[Person]) -> dict[str, int]:
    """Return how many letters each has in the mirror, by counting names."""
    volumes = {}
    for one in everyone:
        found = maildirs.folders(settings.person(one.uid) / "mirror").values()
        volumes[one.uid] = sum(1 for path in found for kind in maildirs.LETTERS for _ in os.scandir(path / kind))
    return volumes


def carry_out(settings: Settings, left: Sequence[Person], to: str, journal: Journal, progress: Progress, at_once: int) -> dict[str, str]:
    """Restore people, several at a time; return what went wrong, by login. Stops when the mailstore seems to be away."""
    faults: dict[str, str] = {}
    in_a_row, waiting = 0, iter(left)
    running: dict[Future[Done], Person] = {}
    with ThreadPoolExecutor(at_once) as pool:
        while True:
            while in_a_row < _AWAY_AFTER and len(running) < at_once and (one := next(waiting, None)):
                running[pool.submit(bring_back.restore, settings, one.uid, to, Wish())] = one
            if not running:
                progress.show(end=True)
                return faults
            ended, _ = wait(running, timeout=EVERY, return_when=FIRST_COMPLETED)
            for future in ended:
                one = running.pop(future)
                try:
                    done = future.result()
                except OSError as fault:
                    if isinstance(fault, doveadm.DoveadmError) and fault.exit == doveadm.NO_USER:
                        # Deleted, as the directory says: there is no mailbox to fill.
                        done = Done(one.uid, to, 0, 0, 0, False, 0.0, faults=["the mailstore does not know them"])
                    else:
                        in_a_row += isinstance(fault, doveadm.DoveadmError) and fault.temporary
                        faults[one.uid] = str(fault)
                        progress.failed(one.uid)
                        continue
                in_a_row = 0
                journal.write(done)
                progress.passed(done)
            progress.show()


def _planned(settings: Settings, given: argparse.Namespace, left: Sequence[Person], of: int) -> int:
    volumes = _volumes(settings, left)
    letters = sum(volumes.values())
    if given.json:
        print(json.dumps({"people": [one.uid for one in left], "of": of, "letters": letters, "check": True}))
        return FINE
    print(f"{len(left)} people of {of} would come back, with about {letters} letters and what was delivered since the last mirror")
    shown = [f"  {number:5}  {volumes[one.uid]:7} letters  {visible(one.uid)}" for number, one in enumerate(left[:_MOST_SHOWN], 1)]
    print("\n".join([*shown, *([f"  … and {len(left) - _MOST_SHOWN} more"] if len(left) > _MOST_SHOWN else [])]))
    return FINE


def _end(given: argparse.Namespace, journal: Journal, progress: Progress, faults: dict[str, str], uids: Sequence[str]) -> int:
    damaged = {uid: one["faults"] for uid, one in journal.done.items() if uid in uids and one.get("faults")}
    of, rest = len(uids), sum(uid not in journal.done for uid in uids)
    if given.json:
        told = {"people": progress.people, "letters": progress.letters, "size": progress.size, "seconds": round(progress.seconds, 1)}
        print(json.dumps({**told, "of": of, "left": rest, "faults": faults, "damaged": damaged, "check": False}))
    else:
        print(f"{of - rest} of {of} people are back: {progress.line()}")
        for uid, why in [*faults.items(), *((uid, "; ".join(why)) for uid, why in damaged.items())][:_MOST_SHOWN]:
            print(f"  {visible(uid)}: {visible(why)}", file=sys.stderr)
        if rest:
            print(f"  {rest} people are left; run the same command again, it goes on with them", file=sys.stderr)
    if not rest:
        journal.close()
    return FAULT if faults or rest or damaged else FINE
