"""Makes LUNs of a shelf and the interface they are exported on, and says how they are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from posthouse.start import for_programs, start, tell_findings, words

from . import luns, network
from .report import report
from .settings import Settings, load

FINE, FOUND = 0, 1
_EXITS = "Exit codes: 0 fine; 1 something is refused or not as it should be; 2 wrong use or configuration."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return start(_parser(), arguments, load, _run)


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("shelf", __doc__, _EXITS)
    check = commands.add_parser("check", help="read the configuration and say what is wrong with it", epilog=_EXITS)
    check.add_argument(
        "--hands-over", default="", metavar="LUNS", help="addresses, with commas: these may be taken from one card and given to another"
    )
    make = commands.add_parser("make", help="make and grow the files of LUNs", epilog=_EXITS)
    make.add_argument("--check", action="store_true", help="only say what would be done")
    commands.add_parser("network", help="make the interface, or wait for it")
    for_programs(commands.add_parser("status", help="say how interface and LUNs are, and whether there is room", epilog=_EXITS))
    return parser


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "check":
        refused = luns.handed_over(settings, [one for one in given.hands_over.split(",") if one])
        for one in refused:
            print(f"shelf: {one}", file=sys.stderr)
        return FOUND if refused else FINE
    if given.command == "status":
        return _status(settings, given.json)
    try:
        if given.command == "network":
            network.bring_up(settings)
        else:
            _make(settings, given.check)
    except (luns.RefusedError, network.NetworkError) as fault:
        print(f"shelf: {fault}", file=sys.stderr)
        return FOUND
    return FINE


def _make(settings: Settings, check: bool) -> None:
    steps = luns.plan(settings)
    for step in steps:
        print(step)
    if not check:
        luns.make(settings, steps)


def _status(settings: Settings, as_json: bool) -> int:
    return FINE if tell_findings(report(settings), as_json) else FOUND
