"""The drill: each night some people, chosen at random, are restored into a scratch area and compared with what they have.

Whoever had something wrong the last time is among them, until it is right.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from posthouse import state
from posthouse.text import visible

from . import jobs
from .people import Person, everybody, some
from .rehearse import Limits, Rehearsed, Ways, rehearse
from .room import needed
from .settings import Settings
from .ways import real_ways

_log = logging.getLogger(__name__)
#: Faults that are told one by one.
_SHOWN = 20
_EXITS = "Exit codes: 0 passed; 1 not passed, or it could not be done; 2 wrong use or configuration."


def add(subparsers: Any) -> None:
    """Make the subcommand."""
    parser = subparsers.add_parser(
        "drill", help="restore some people into a scratch area and compare them", description=__doc__, epilog=_EXITS
    )
    parser.add_argument(
        "--person",
        action="append",
        metavar="UID",
        help="this person, all of their mail, instead of some at random; may be given several times",
    )
    parser.add_argument(
        "--people", type=int, help="so many by chance (default: as the configuration says); 0: only those with whom something was wrong"
    )
    parser.add_argument("--seed", type=int, help="choose as the drill with this seed did, while people and folders are the same")
    parser.add_argument("--check", action="store_true", help="say whom it would restore, and restore nobody")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    began = time.monotonic()
    try:
        if given.check:
            names = [one.uid for one in _sample(settings, given, random.Random(given.seed))]
            print(json.dumps({"people": names}) if given.json else "\n".join(map(visible, names)) or jobs.NOBODY)
            return 0
        with real_ways(settings) as ways:
            detail = drill(settings, given, ways)
    except OSError as fault:
        print(f"backup: {fault}. There was no drill; the next one is tried by its timer, or `backup drill`.", file=sys.stderr)
        return 1
    seconds = round(time.monotonic() - began, 1)
    if given.json:
        print(json.dumps({**detail, "seconds": seconds}))
    else:
        print("\n".join(_lines(detail, seconds)))
    return 0 if detail["passed"] else 1


def drill(settings: Settings, given: argparse.Namespace, ways: Ways) -> dict[str, Any]:
    """Rehearse a sample. Returns what was found. Raises OSError when nothing could be rehearsed.

    Only what chance chose counts as a drill. Of whom was asked for by name is remembered what is wrong, or that it is right again.
    """
    seed = secrets.randbits(32) if given.seed is None else given.seed
    scratch = settings.home / "scratch" / "drill"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with state.alone(scratch):
        for left in scratch.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        if given.person:
            told = _rehearsed(settings, given, ways, scratch, seed)
            _remember(settings.home / "state", told)
            return told
        with suppress(jobs.Imperfect), jobs.job(settings.home / "state", jobs.DRILL) as detail:
            detail.update(_rehearsed(settings, given, ways, scratch, seed))
            if not detail["passed"]:
                raise jobs.Imperfect(detail["reason"])
        return detail


def _remember(folder: Path, told: Mapping[str, Any]) -> None:
    """Note of people who were asked for by name what is wrong now."""
    before = jobs.read(folder, jobs.DRILL).get("detail", {})
    rehearsed = {one["person"] for one in told["each"]}
    wrong = [*told["wrong"], *(uid for uid in before.get("wrong", []) if uid not in rehearsed)]
    if wrong == before.get("wrong", []) and not wrong:
        return
    names = ("faults", "faults_count", "lost")
    shown = {name: told[name] for name in names} if told["faults"] or not wrong else {}
    jobs.amend(folder, jobs.DRILL, {**before, **shown, "wrong": wrong})


def _rehearsed(settings: Settings, given: argparse.Namespace, ways: Ways, scratch: Path, seed: int) -> dict[str, Any]:
    dice = random.Random(seed)
    people = _sample(settings, given, dice)
    limits = _limits(settings, bool(given.person))
    done: list[Rehearsed] = []
    end = time.monotonic() + 60 * settings.drill_minutes
    for number, person in enumerate(people, 1):
        if time.monotonic() > end:
            break
        needed(settings)
        one = rehearse(person, scratch / str(number), ways, limits, dice)
        done.append(one)
        _log.info("%d of %d: %s", number, len(people), _line(one))
    return summary(done, len(people), seed)


def _limits(settings: Settings, all_of_it: bool) -> Limits:
    if all_of_it:
        return Limits(sys.maxsize, sys.maxsize, sys.maxsize)
    return Limits(settings.drill_letters, settings.drill_megabytes << 20, settings.drill_letters)


def _sample(settings: Settings, given: argparse.Namespace, dice: random.Random) -> list[Person]:
    """Choose people who have mail here: those of whom something was wrong, then others. Raises OSError."""
    if given.person:
        found = some(settings, given.person)
        if missing := {one.lower() for one in given.person} - {one.uid.lower() for one in found}:
            raise UnknownError(f"the directory does not have {', '.join(sorted(missing))}")
        return found
    known = {one.uid: one for one in everybody(settings) if not one.refused and not one.deleted}
    before = jobs.read(settings.home / "state", jobs.DRILL).get("detail", {}).get("wrong", [])
    chosen = [uid for uid in before if uid in known]
    most = len(chosen) + (settings.drill_people if given.people is None else given.people)
    for uid in dice.sample(sorted(set(known) - set(chosen)), len(known) - len(chosen)):
        if len(chosen) == most:
            break
        # Where nothing is, nothing can be found wrong.
        if has_mail(settings.person(uid) / "mirror"):
            chosen.append(uid)
    return [known[uid] for uid in chosen]


def has_mail(maildir: Path) -> bool:
    """Say whether a Maildir holds any letter; not every folder of somebody who has many is looked into once one is found."""
    return any(
        entry.is_file() for folder in (maildir, *maildir.glob(".*")) for part in ("cur", "new") for entry in (folder / part).glob("[0-9]*")
    )


class UnknownError(OSError):
    """Somebody is not in the directory."""


def summary(done: Iterable[Rehearsed], wanted: int, seed: int) -> dict[str, Any]:
    """Put together what a drill found."""
    done = list(done)
    faults = [fault for one in done for fault in one.faults]
    sums = {name: sum(getattr(one, name) for one in done) for name in ("folders", "letters", "size", "read", "same", "gone", "copies")}
    seconds = sum(one.seconds for one in done)
    reason = ""
    if faults:
        reason = f"{len(faults)} faults, the first: {faults[0].sentence}"
    elif not done:
        reason = jobs.NOBODY if not wanted else "there was no time for anybody"
    return {
        "passed": not reason,
        "reason": reason,
        "seed": seed,
        "wanted": wanted,
        "people": len(done),
        **sums,
        "restore_seconds": round(seconds, 2),
        "wrong": [one.person for one in done if one.faults],
        "faults": [fault.sentence for fault in faults[:_SHOWN]],
        "faults_count": len(faults),
        "lost": sum(fault.lost for fault in faults),
        "each": [one.told() for one in done],
    }


def _line(one: Rehearsed) -> str:
    words = f"{visible(one.person)}: {one.letters} letters in {one.folders} folders restored in {one.seconds:.1f} s"
    return f"{words}; {one.read} read, {one.same} equal, {one.gone} removed since; {one.copies} copies; {len(one.faults)} faults"


def _lines(detail: Mapping[str, Any], seconds: float) -> list[str]:
    if not detail:
        return ["there was no drill"]
    lines = [f"  {visible(one)}" for one in detail["faults"]]
    if detail["faults_count"] > len(lines):
        lines.append(f"  and {detail['faults_count'] - len(lines)} more")
    words = f"{detail['people']} people, {detail['letters']} letters restored, {detail['read']} read, {detail['copies']} copies"
    head = "The drill passed" if detail["passed"] else f"The drill did not pass ({detail['reason']})"
    return [*lines, f"{visible(head)}: {words}; {seconds} s, seed {detail['seed']}"]
