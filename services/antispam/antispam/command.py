"""The command: what the timer runs, and what its operator asks."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posthouse.accounts import become_owner
from posthouse.journal import log_to_the_journal
from posthouse.start import for_programs, start, words

from . import rules
from .rules import RulesError
from .settings import Settings, load

FINE, REFUSED = 0, 1
_EXITS = "Exit codes: 0 fine; 1 something is refused, stale or failed; 2 wrong use or configuration."
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    log_to_the_journal()
    return start(_parser(), arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "activate":
        return _activate(settings)
    _become(settings.home)
    if given.command == "update":
        return _update(settings)
    if given.command == "lint":
        return _lint()
    return _status(settings, given.json)


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("antispam", __doc__, _EXITS)
    commands.add_parser("update", help="fetch new rules, judge them, age the Bayes tokens", epilog=_EXITS)
    commands.add_parser("activate", help="let the content filter read rules that came since it last did", epilog=_EXITS)
    commands.add_parser("lint", help="say what is wrong with rules and settings", epilog=_EXITS)
    for_programs(commands.add_parser("status", help="say how fresh the rules are and what Bayes has learnt", epilog=_EXITS))
    return parser


def _become(home: Path) -> None:
    """Give up root: rules are perl, and are fetched and read as the owner of their directory."""
    become_owner(home, umask=0o022)
    os.chdir("/")


def read_state(settings: Settings) -> dict[str, Any]:
    """Return what is remembered: channel to when it was last reached and what went wrong, and whether rules wait for their activation."""
    try:
        state = json.loads(settings.state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = {}
    return {"channels": {}, "waiting": False, "fault": "", **state}


def _write_state(settings: Settings, state: dict[str, Any]) -> None:
    temporary = settings.state.with_suffix(".new")
    temporary.write_text(json.dumps(state, indent=1), encoding="utf-8")
    temporary.replace(settings.state)


def _update(settings: Settings) -> int:
    state = read_state(settings)
    before = state["channels"]
    state["channels"] = {channel.name: before.get(channel.name, {"reached": 0.0, "fault": ""}) for channel in settings.channels}
    copy = rules.keep(settings) if settings.channels else None
    fresh = False
    for channel in settings.channels:
        known = state["channels"][channel.name]
        try:
            new = rules.fetch(settings, channel)
        except RulesError as fault:
            known["fault"] = str(fault)
            _log.warning("%s", fault)
        else:
            known.update(reached=time.time(), fault="")
            fresh = fresh or new
    if fresh and copy:
        try:
            rules.lint()
            if settings.compile:
                rules.compile_rules()
        except RulesError as fault:
            state["fault"] = str(fault)
            _log.error("new rules are refused: %s", fault)
            rules.put_back(settings, copy)
        else:
            state.update(fault="", waiting=True)
            _log.info("new rules: %s", ", ".join(state["channels"]))
    if settings.expire:
        _expire()
    _write_state(settings, state)
    return FINE


def _expire() -> None:
    try:
        status, said = rules.run("sa-learn", "--force-expire")
    except RulesError as fault:
        status, said = 1, str(fault)
    if status:
        _log.warning("Bayes tokens were not aged: %s", said)


def _activate(settings: Settings) -> int:
    state = read_state(settings)
    if not state["waiting"]:
        return FINE
    if settings.hook:
        done = subprocess.run(settings.hook, check=False)
        if done.returncode:
            _log.error("%s ended with status %d; it is tried again after the next update", settings.hook[0], done.returncode)
            return REFUSED
    # Its directory belongs to somebody else, who could have made links there: nothing is written as root.
    _become(settings.home)
    _write_state(settings, state | {"waiting": False})
    return FINE


def _lint() -> int:
    try:
        rules.lint()
    except RulesError as fault:
        print(f"antispam: {fault}", file=sys.stderr)
        return REFUSED
    return FINE


def learnt() -> dict[str, int]:
    """Return how many letters and tokens Bayes knows; nothing when its database does not answer (sa-learn(1), --dump)."""
    found: dict[str, int] = {}
    # A store that nobody has ever taught cannot be read; the first to open it for writing makes its row. Each takes a second of perl.
    for step in (("--dump", "magic"), ("--sync",), ("--dump", "magic")):
        with contextlib.suppress(RulesError):
            _, said = rules.run("sa-learn", *step)
            found |= {name: int(number) for number, name in re.findall(r"\s(\d+)\s+\d+\s+non-token data: (nspam|nham|ntokens)\b", said)}
        if found:
            break
    return found


def _status(settings: Settings, as_json: bool) -> int:
    state = read_state(settings)
    oldest = time.time() - settings.stale_hours * 3600
    faults = [state["fault"]] if state["fault"] else []
    for channel in settings.channels:
        known = state["channels"].get(channel.name, {"reached": 0.0, "fault": ""})
        if known["reached"] < oldest:
            faults.append(f"{channel.name}: {known['fault'] or 'not fetched yet'}")
    bayes = learnt()
    if not bayes:
        faults.append("Bayes' database does not answer")
    found = {"state": "faulty" if faults else "current", "reason": "; ".join(faults), **state, "bayes": bayes}
    if as_json:
        print(json.dumps(found))
    else:
        print(f"state:      {found['state']}\nreason:     {found['reason'] or '-'}")
        for name, known in state["channels"].items():
            print(f"channel:    {name}: {known['fault'] or 'fine'}")
        print(f"bayes:      {', '.join(f'{name} {number}' for name, number in bayes.items()) or 'no answer'}")
    return REFUSED if faults else FINE
