"""The command: a run of the service, and what its operator asks."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from posthouse.accounts import become_owner
from posthouse.journal import log_to_the_journal
from posthouse.start import for_programs, start, words

from . import databases, sets, trial, update
from .clamd import Clamd
from .record import Record, now
from .settings import Settings, load
from .trial import TrialError

FINE, REFUSED, AWAY = 0, 1, 3
_EXITS = "Exit codes: 0 fine; 1 something is refused, stale or failed; 2 wrong use or configuration; 3 clamd is away or serves another set."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    log_to_the_journal()
    return start(_parser(), arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "test":
        return _test(settings, given.files)
    if given.command == "update":
        return _update(settings, given)
    return _status(settings, given)


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("signatures", __doc__, _EXITS)
    run = commands.add_parser("update", help="fetch, test and put into use what is new", epilog=_EXITS)
    run.add_argument("--no-fetch", action="store_true", help="look only at what lies on this machine")
    run.add_argument("--accept-loss", action="store_true", help="believe databases that have lost most of their signatures")
    status = commands.add_parser("status", help="say which signatures are in use and how fresh they are", epilog=_EXITS)
    status.add_argument("--check", action="store_true", help="one line, for monitoring")
    test = commands.add_parser("test", help="test files, or all databases of directories, without using them", epilog=_EXITS)
    test.add_argument("files", nargs="+", type=Path)
    for_programs(run, status)
    return parser


def _update(settings: Settings, given: argparse.Namespace) -> int:
    try:
        # Whatever is fetched is read and tested as the owner of ClamAV's directory.
        become_owner(settings.home, umask=0o027)
        update.run(settings, fetching=not given.no_fetch, accept_loss=given.accept_loss)
    except (update.UpdateError, OSError) as fault:
        logging.getLogger(__name__).error("%s", fault)  # noqa: TRY400  the sentence is the operator's, a traceback would hide it
        return REFUSED
    found = describe(settings)
    if given.json:
        print(json.dumps(found))
    return FINE


def _status(settings: Settings, given: argparse.Namespace) -> int:
    found = describe(settings)
    code = {"current": FINE, "stale": REFUSED, "refused": REFUSED, "failed": REFUSED}.get(found["state"], AWAY)
    if given.json:
        print(json.dumps(found))
    elif given.check:
        print(f"signatures {found['state']}: {found['reason'] or found['set']}")
    else:
        _print(found)
    return code


def describe(settings: Settings) -> dict[str, Any]:
    """Return how it is: what status --json prints.

    state: current; stale (a source has not been fetched for stale_hours); refused (a database or a whole set is not believed, the one
    of before is in use); away (clamd does not answer); behind (clamd serves another set); none (no set). reason: why, for people.
    """
    record = Record.read(settings.home / "state.json")
    identity = sets.active(settings)
    clamd = Clamd(settings.socket)
    answers = clamd.ping()
    serves = answers and clamd.serves(identity)
    refused = {name: one.reason for name, one in record.files.items() if one.reason}
    oldest = now() - settings.stale_hours * 3600
    stale = {name: one.fault or "not fetched yet" for name, one in record.fetching.items() if one.succeeded < oldest}
    faults = [
        ("none", "" if identity else record.fault or "no set was made yet"),
        ("away", "" if answers else f"clamd does not answer at {settings.socket}"),
        ("behind", "" if serves else "clamd serves another set"),
        ("refused", record.fault or "; ".join(f"{name}: {reason}" for name, reason in refused.items())),
        ("stale", "; ".join(f"{name}: {reason}" for name, reason in stale.items())),
    ]
    state, reason = next(((state, reason) for state, reason in faults if reason), ("current", ""))
    return {
        "state": state,
        "reason": reason,
        "set": identity,
        "since": record.since,
        "updated": record.updated,
        "serves": serves,
        "signatures": sum(one.signatures for one in record.files.values()),
        "files": {name: asdict(one) for name, one in record.files.items()},
        "fetching": {name: asdict(one) for name, one in record.fetching.items()},
    }


def _print(found: dict[str, Any]) -> None:
    for name in ("state", "reason", "set", "serves", "signatures"):
        print(f"{name + ':':12}{'-' if found[name] == '' else found[name]}")
    for name, one in found["fetching"].items():
        print(f"fetching:   {name}: {one['fault'] or 'fine'}")
    for name, one in found["files"].items():
        refused = f", refused: {one['reason']}" if one["reason"] else ""
        print(f"database:   {name} ({one['source']}): {one['signatures']} signatures{refused}")


def _test(settings: Settings, given: Sequence[Path]) -> int:
    paths = [path for one in given for path in (databases.in_directory(one) if one.is_dir() else [one])]
    code = FINE
    for path in paths:
        try:
            trial.alone(path.resolve(), settings.clean, settings.patience)
        except (TrialError, OSError) as fault:
            print(f"signatures: {path}: {fault}", file=sys.stderr)
            code = REFUSED
    return code
