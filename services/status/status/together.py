"""Put together what machines, the world and the control node say: one page, one exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from . import page
from .findings import Finding, Level, Limits, duration, restored, visible, worst

WORLD, SITE = "world", "site"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the answers of one run, print the page, and return the exit code."""
    parser = argparse.ArgumentParser(prog="status.together", description=__doc__)
    parser.add_argument("answers", type=Path, nargs="?", help="JSON: title, at, machines, world, dkim, limits; standard input if not given")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write these answers to a file too")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")
    parser.add_argument("--all", action="store_true", help="every sentence, of what is fine too")
    given = parser.parse_args(arguments)
    answers = json.loads(given.answers.read_text(encoding="utf-8") if given.answers else sys.stdin.read())
    answers.setdefault("at", time.time())
    if given.keep:
        given.keep.write_text(json.dumps(answers), encoding="utf-8")
    found = everything(answers)
    title = visible(str(answers.get("title", "status")))
    if given.json:
        print(json.dumps(page.told(title, found, answers.get("at"))))
    else:
        colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(page.page(title, found, colours=colours, everything=given.all, at=answers.get("at")))
    return int(worst(one for some in found.values() for one in some))


def everything(answers: Mapping[str, Any]) -> dict[str, list[Finding]]:
    """Every finding, by where it was made: the world, each machine, the site as a whole.

    answers: title; at, when they were asked (seconds since 1970); machines, name to what Ansible got of each; world, likewise, or
    nothing; dkim, the selectors of the site; limits, pairs of numbers by name.
    """
    limits = {name: Limits(*pair) for name, pair in answers.get("limits", {}).items()}
    found: dict[str, list[Finding]] = {}
    if "world" in answers:
        found[WORLD] = _answered(
            answers["world"], "the place from which the world is seen", "cluster_status_from names it (docs/status.md)"
        )
    for name, told in answers["machines"].items():
        found[visible(name)] = _answered(
            told, "the machine", "is it up, does the network reach it, is its ssh running? ./lab up, or its console"
        )
    clocks = _clocks(answers["machines"], limits.get("clocks_seconds", Limits(20, 120)))
    signing = dkim(answers["dkim"], limits.get("dkim_days", Limits(200, 400)), time.time()) if answers.get("dkim") is not None else []
    if clocks or signing:
        found[SITE] = [*clocks, *signing]
    return found


def _answered(told: Any, who: str, remedy: str) -> list[Finding]:
    """Read what came from a machine, or say that nothing did."""
    told = told if isinstance(told, dict) else {}
    try:
        answer = json.loads(told.get("stdout") or "")
        return [restored(one) for one in answer["findings"]]
    except (ValueError, TypeError, KeyError):
        pass
    why = str(told.get("msg") or "") or str(told.get("stderr") or "") or "no answer"
    if told.get("unreachable"):
        return [Finding("machine", "ssh", Level.CRITICAL, f"{who} cannot be reached: {why}", remedy)]
    if told.get("rc") == 127:
        return [
            Finding("machine", "status", Level.CRITICAL, f"{who} has no status: {why}", "ansible-playbook playbooks/site.yml puts it there")
        ]
    remedy = "systemctl status posthouse-status.socket there; journalctl -u 'posthouse-status@*' -e"
    return [Finding("machine", "status", Level.CRITICAL, f"{who} does not say how it is: {why}", remedy)]


def _clocks(machines: Mapping[str, Any], limits: Limits) -> list[Finding]:
    """Compare the clocks of machines, which were asked within some seconds, with each other: the middle one is taken for right."""
    shifts: dict[str, float] = {}
    for name, told in machines.items():
        with contextlib.suppress(KeyError, TypeError, ValueError):
            shifts[name] = float(json.loads(told["stdout"])["at"])
    if len(shifts) < 2:
        return []
    middle = sorted(shifts.values())[len(shifts) // 2]
    off = {name: shift - middle for name, shift in shifts.items() if limits.above(abs(shift - middle))}
    if not off:
        return [Finding("clock", "machines", Level.FINE, f"{len(shifts)} clocks agree")]
    words = ", ".join(f"{name} by {duration(shift)}" for name, shift in off.items())
    level = max(limits.above(abs(shift)) for shift in off.values())
    return [Finding("clock", "machines", level, f"clocks differ: {words}", "cluster_time_servers; a container has the clock of its host")]


def dkim(selectors: Mapping[str, Any], limits: Limits, now: float) -> list[Finding]:
    """Say which key signs, since when, and whether a rotation was begun and not ended. selectors: as selectors.yml has them."""
    remedy = "ansible-playbook playbooks/rotate-dkim.yml does the next step when its time has come (docs/outgoing.md)"
    stages = {name: str(one.get("stage")) for name, one in selectors.items()}
    signing = sorted(name for name, stage in stages.items() if stage == "signing")
    if not signing:
        return [
            Finding("dkim", "key", Level.CRITICAL, "no key signs outgoing mail", "ansible-playbook playbooks/site.yml makes the first key")
        ]
    found = []
    for name in signing:
        age = now - _since(selectors[name], now)
        says = f"selector {name} has signed for {duration(age)}"
        found.append(Finding("dkim", name, limits.above(age / 86400), says, remedy, {"days": int(age // 86400)}))
    for name, stage in stages.items():
        age = now - _since(selectors[name], now)
        waiting = stage == "published" or (stage == "retired" and selectors[name].get("records"))
        if waiting and age > 30 * 86400:
            says = f"selector {name} has been {stage} for {duration(age)}: a rotation was begun and not ended"
            found.append(Finding("dkim", name, Level.WARNING, says, remedy, {"days": int(age // 86400)}))
    return found


def _since(selector: Mapping[str, Any], now: float) -> float:
    """When a selector came into the stage that it is in."""
    try:
        moment = datetime.fromisoformat(str(selector.get(str(selector.get("stage")), selector.get("since"))))
    except ValueError:
        return now
    return moment.timestamp()


if __name__ == "__main__":
    sys.exit(main())
