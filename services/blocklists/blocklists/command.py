"""The command: what timers run and what operators ask."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posthouse.accounts import become_owner
from posthouse.settings import SettingsError

from .fetch import Fetcher
from .policy import Policy
from .question import Resolver
from .settings import Settings, load, passwords
from .watch import Watch

CONFIGURATION = Path("/etc/posthouse/blocklists.toml")
FINE, NOT_FINE, USAGE, AWAY = 0, 1, 2, 3
_EXITS = (
    "Exit codes: 0 every list is used and every mirror current; 1 some list is out or sick, some mirror is not current, or an order failed;"
    " 2 wrong use or configuration; 3 the resolver or what is remembered cannot be reached."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = load(given.config)
        secrets = passwords(Path(settings.passwords)) if given.command == "fetch" else {}
    except SettingsError as fault:
        print(f"blocklists: {fault}", file=sys.stderr)
        return USAGE
    zones = [given.zone] if given.command in ("take-out", "put-back") else getattr(given, "zones", [])
    known = [item.zone for item in (settings.mirrors if given.command == "fetch" else settings.lists)]
    unknown = [zone for zone in zones if zone not in known]
    if unknown:
        print(f"blocklists: there is no list {', '.join(unknown)}; there are {', '.join(known) or 'none'}", file=sys.stderr)
        return USAGE
    become_owner(Path(settings.state))
    dry = getattr(given, "dry_run", False)
    watch = _watch(settings, dry)
    fetcher = Fetcher(settings, secrets, dry=dry)
    try:
        if given.command == "fetch":
            mirrors = fetcher.fetch(zones, given.accept_loss)
            return _say({"mirrors": mirrors}, given)
        if given.command == "check":
            report = watch.check(zones)
        elif given.command == "take-out":
            report = watch.take_out(given.zone, given.reason)
        elif given.command == "put-back":
            report = watch.put_back(given.zone)
        else:
            report = watch.status()
        return _say(report | {"mirrors": fetcher.status()}, given)
    except OSError as fault:
        print(f"blocklists: {fault}", file=sys.stderr)
        return AWAY


def _watch(settings: Settings, dry: bool) -> Watch:
    resolver = Resolver(settings.resolver, settings.asks_from, settings.patience)
    policy = Policy(settings.resolver, settings.policy_zone, Path(settings.policy_key), settings.patience)
    return Watch(settings, resolver, policy, dry=dry)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="blocklists", description=__doc__, epilog=_EXITS)
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="configuration file (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="ask the lists now; take out and put back what is due", epilog=_EXITS)
    check.add_argument("zones", nargs="*", metavar="ZONE", help="only these lists")
    status = commands.add_parser("status", help="say how every list and mirror is, as last seen", epilog=_EXITS)
    out = commands.add_parser("take-out", help="do without a list until it is put back", epilog=_EXITS)
    out.add_argument("zone", metavar="ZONE")
    out.add_argument("--reason", default="by hand", help="for those who ask later")
    back = commands.add_parser("put-back", help="use a list again; the next checks judge it anew", epilog=_EXITS)
    back.add_argument("zone", metavar="ZONE")
    fetch = commands.add_parser("fetch", help="fetch local mirrors now", epilog=_EXITS)
    fetch.add_argument("zones", nargs="*", metavar="ZONE", help="only the mirrors of these lists")
    fetch.add_argument("--accept-loss", action="store_true", help="believe a file even when most of its entries are gone")
    for command in (check, out, back, fetch):
        command.add_argument("--dry-run", "--check", action="store_true", help="say what would be done, and do nothing")
    for command in (check, status, out, back, fetch):
        command.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        command.add_argument("--quiet", action="store_true", help="say nothing; the exit code tells, and the journal what changed")
    return parser


def _say(report: dict[str, Any], given: argparse.Namespace) -> int:
    if given.json:
        print(json.dumps(report))
    elif not given.quiet:
        for line in _lines(report):
            print(line)
    if "lists" in report and report["resolver"] not in ("answers", "never asked"):
        return AWAY
    lists = any(entry["out"] or entry["failures"] for entry in report.get("lists", []))
    mirrors = given.command in ("status", "fetch") and any(entry["fault"] or not entry["fetched"] for entry in report["mirrors"])
    return NOT_FINE if lists or mirrors or report.get("policy") else FINE


def _lines(report: dict[str, Any]) -> list[str]:
    lines = []
    if "lists" in report:
        lines.append(f"resolver: {report['resolver']}")
        if report["policy"]:
            lines.append(f"policy:   {report['policy']}")
    width = max([len(entry["zone"]) for entry in [*report.get("lists", []), *report["mirrors"]]], default=0)
    for entry in report.get("lists", []):
        use = f"out since {_when(entry['since'])} ({entry['by']}: {entry['reason']})" if entry["out"] else "in use"
        seen = entry["verdict"] + (f", {entry['fault']}" if entry["fault"] and entry["fault"] not in entry["reason"] else "")
        count = f", {entry['failures']} in a row" if entry["failures"] else ""
        lines.append(f"{entry['zone']:{width}}  {use}; {_when(entry['checked'])}: {seen}{count}, {entry['milliseconds']} ms")
    for entry in report["mirrors"]:
        fault = f"; {entry['fault']}" if entry["fault"] else ""
        lines.append(
            f"{entry['zone']:{width}}  mirror {entry['state']}, {entry['entries']} entries, fetched {_when(entry['fetched'])}{fault}"
        )
    return lines


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment)) if moment else "never"
