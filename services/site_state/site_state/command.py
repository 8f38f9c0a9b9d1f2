"""Seal what this machine knows beside mail to the operators' keys, hand it to backup machines, say how old it is."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posthouse import generations, state
from posthouse.journal import NOTICE, log_to_the_journal
from posthouse.start import USAGE, for_programs, start, words

from . import handing, sealing
from .errors import StateError
from .settings import Settings, load

FINE, FAILED = 0, 1
_EXITS = "Exit codes: 0 fine; 1 something failed or nothing is sealed; 2 wrong use or configuration."
#: What became of each source the last time.
OUTCOME = "outcome"
OFF = "cluster_operator_keys names no key, so nothing of this machine is sealed and backup machines have nothing of it"
_LOG = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser, commands = words("site-state", __doc__ or "", _EXITS)
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    seal = commands.add_parser("seal", help="seal each source, or those named, into a new generation", epilog=_EXITS)
    seal.add_argument("source", nargs="*", help="only these")
    commands.add_parser("hand", help="answer the client that systemd accepted, on standard input")
    status = commands.add_parser("status", help="say how old the newest generation of each source is", epilog=_EXITS)
    for_programs(seal, status)
    return start(parser, arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "check":
        return FINE
    if given.command == "hand":
        return _hand(settings)
    return _seal(settings, given) if given.command == "seal" else _status(settings, given.json)


def _hand(settings: Settings) -> int:
    log_to_the_journal()
    try:
        _LOG.info("%s", handing.serve(settings, handing.given()))
    except StateError as fault:
        # Whoever knocks without a right is told nothing and is no failure of ours.
        _LOG.log(NOTICE, "%s", fault)
    return FINE


def _seal(settings: Settings, given: argparse.Namespace) -> int:
    names = [one.name for one in settings.sources]
    if unknown := sorted(set(given.source) - set(names)):
        print(f"site-state: there is no source {unknown[0]}; there are {', '.join(names)}", file=sys.stderr)
        return USAGE
    if not settings.keys:
        print(f"site-state: {OFF}", file=sys.stderr)
        return FINE
    folder, answer = Path(settings.folder), {}
    with state.alone(folder):
        outcome = state.read(folder / OUTCOME)
        for source in settings.sources:
            if given.source and source.name not in given.source:
                continue
            try:
                sheet = sealing.seal(settings, source)
                answer[source.name] = {"file": sheet.file, "bytes": sheet.size, "seconds": sheet.seconds, "fault": ""}
            except (StateError, OSError) as fault:
                answer[source.name] = {"fault": str(fault)}
            outcome[source.name] = {"tried": time.time(), "fault": answer[source.name]["fault"]}
        state.write(folder / OUTCOME, {name: one for name, one in outcome.items() if name in names}, 0o640)
    for name, one in answer.items():
        if one["fault"]:
            print(f"site-state: {one['fault']}", file=sys.stderr)
        elif not given.json:
            print(f"{name}: {one['file']}, {one['bytes']} bytes, {one['seconds']} s")
    if given.json:
        print(json.dumps(answer))
    return FAILED if any(one["fault"] for one in answer.values()) else FINE


def told(settings: Settings) -> dict[str, Any]:
    """Return how this machine's sources are: state fine, off or failed, and of each source its newest generation and last fault."""
    folder = Path(settings.folder)
    outcome, sheets = state.read(folder / OUTCOME), generations.listed(folder)
    sources: dict[str, dict[str, Any]] = {}
    for source in settings.sources:
        newest = next((one for one in sheets if one.name == source.name), None)
        fault = str(outcome.get(source.name, {}).get("fault", ""))
        sources[source.name] = {"newest": newest.time if newest else None, "bytes": newest.size if newest else 0, "fault": fault}
    if not settings.keys:
        return {"state": "off", "reason": OFF, "sources": sources}
    faults = [one["fault"] for one in sources.values() if one["fault"]]
    return {"state": "failed" if faults else "fine", "reason": "; ".join(faults), "sources": sources}


def _status(settings: Settings, as_json: bool) -> int:
    answer = told(settings)
    if as_json:
        print(json.dumps(answer))
    else:
        print(f"state: {answer['state']}" + (f": {answer['reason']}" if answer["reason"] else ""))
        for name, one in answer["sources"].items():
            age = f"{(time.time() - one['newest']) / 3600:.1f} hours old, {one['bytes']} bytes" if one["newest"] else "never sealed"
            print(f"{name}: {age}")
    return FINE if answer["state"] == "fine" else FAILED
