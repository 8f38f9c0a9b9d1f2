"""A machine's disks: brings them up when they are there, says how they are, reads them through, and shows them as they were."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from posthouse.journal import log_to_the_journal
from posthouse.start import for_programs, start, tell_findings, words

from . import activation, health, made, scrub, snapshots, trim
from .report import report
from .settings import Settings, Volume, in_bytes, load

FINE, FOUND, USAGE = 0, 1, 2
_EXITS = "Exit codes: 0 fine; 1 something is wrong; 2 wrong use or configuration."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return start(_parser(), arguments, load, _run)


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("storage", __doc__, _EXITS)
    commands.add_parser("activate", help="wait for the devices, then activate their groups (posthouse-storage.service does)")
    down = commands.add_parser("deactivate", help="deactivate groups; nothing of them may be mounted")
    down.add_argument("groups", nargs="*", help="their names (default: all of the configuration)")
    commands.add_parser(
        "hurry", help="the machine stops: no more patience with a shelf that is away (posthouse-storage-hurry.service does)"
    )
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    commands.add_parser("watch", help="look at all disks again and again, log what changes, until told to stop")
    look = commands.add_parser("health", help="look at all disks now, and remember it for status", epilog=_EXITS)
    status = commands.add_parser("status", help="say how disks, volumes and snapshots are", epilog=_EXITS)
    commands.add_parser("forget", help="what the kernel complained of has been seen to: status speaks of it no longer")
    anew = commands.add_parser("abandon", help="a group is gone for good: the next run may make it anew, empty", epilog=_EXITS)
    anew.add_argument("group", help="its name, such as mail")
    anew.add_argument("--check", action="store_true", help="only say what would be forgotten")
    reading = commands.add_parser("scrub", help="read every disk through, on from where the last time ended", epilog=_EXITS)
    reading.add_argument("--rate", type=_size, help="so many bytes a second, such as 20m; 0 is as fast as it goes")
    trimming = commands.add_parser("trim", help="tell disks what file systems no longer use, where they want to know", epilog=_EXITS)
    trimming.add_argument("--check", action="store_true", help="only say what would be done")
    for_programs(look, status)
    _snapshot_parser(commands.add_parser("snapshot", help="a volume as it is now, for a backup"))
    return parser


def _snapshot_parser(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="do", required=True)
    make = commands.add_parser("create", help="make one and mount it for reading; prints where", epilog=_EXITS)
    make.add_argument("volume", help="the volume's name, such as home")
    make.add_argument("--name", help="the snapshot's name (default: volume and time)")
    make.add_argument("--size", help="what may be written to the volume meanwhile: 2g, or 20%% of the volume")
    make.add_argument("--hours", type=float, default=12.0, help="after so long status asks why it is still there (default: %(default)s)")
    shown = commands.add_parser("list", help="say what there is", epilog=_EXITS)
    gone = commands.add_parser("remove", help="take one away", epilog=_EXITS)
    gone.add_argument("name", nargs="?", help="its name")
    gone.add_argument("--all", action="store_true", help="all there are, what was left behind half made too")
    for one in (make, gone):
        one.add_argument("--check", action="store_true", help="only say what would be done")
    for_programs(make, shown, gone)


def _size(text: str) -> int:
    return in_bytes(text) if text != "0" else 0


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command in ("activate", "deactivate"):
        log_to_the_journal()
        return activation.activate(settings) if given.command == "activate" else activation.deactivate(settings, given.groups)
    if given.command == "watch":
        log_to_the_journal()
        health.watch(settings)
        return FINE
    if given.command == "hurry":
        return activation.hurry()
    if given.command == "health":
        health.look(settings)
        return _told(report(settings), given.json)
    if given.command == "status":
        return _told(report(settings), given.json)
    if given.command == "forget":
        health.forget(settings)
    if given.command == "abandon":
        return _abandon(settings, given.group, given.check)
    if given.command == "scrub":
        return _scrub(settings, given.rate)
    if given.command == "trim":
        return FINE if trim.trim(settings, print, given.check) else FOUND
    if given.command == "snapshot":
        return _snapshot(settings, given)
    return FINE


def _abandon(settings: Settings, group: str, check: bool) -> int:
    gone = made.abandon(settings, group, check)
    verb = "would be forgotten" if check else "forgotten"
    print(f"{verb}: {', '.join(gone)}" if gone else f"this machine has made no group {group} that it remembers")
    return FINE if gone else FOUND


def _told(said: dict[str, Any], as_json: bool) -> int:
    return FINE if tell_findings(said, as_json) else FOUND


def _scrub(settings: Settings, rate: int | None) -> int:
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    told = [0.0]

    def tell(line: str) -> None:
        # The journal gets what matters and now and then how far it is; a person at a terminal gets all.
        if sys.stdout.isatty() or " % of " not in line or time.monotonic() - told[0] > 600:
            told[0] = time.monotonic()
            print(line, flush=True)

    paced = settings if rate is None else settings.paced(rate)
    return FINE if scrub.scrub(paced, tell, lambda: stopped) else FOUND


def _snapshot(settings: Settings, given: argparse.Namespace) -> int:
    try:
        if given.do == "create":
            return _create(settings, given)
        if given.do == "list":
            return _list(settings, given.json)
        return _remove(settings, given)
    except snapshots.SnapshotError as fault:
        print(f"storage: {fault}", file=sys.stderr)
        return FOUND


def _create(settings: Settings, given: argparse.Namespace) -> int:
    volume = next((one for one in settings.volumes if one.name == given.volume), None)
    if volume is None:
        print(f"storage: there is no volume {given.volume}; there are {', '.join(one.name for one in settings.volumes)}", file=sys.stderr)
        return USAGE
    try:
        size = _share(given.size, volume)
    except ValueError as fault:
        print(f"storage: --size: {fault}", file=sys.stderr)
        return USAGE
    wish = snapshots.Wish(given.name or f"{volume.name}-{time.strftime('%Y%m%dt%H%M%S', time.gmtime())}", volume, size, given.hours)
    if given.check:
        said: dict[str, Any] = {"name": wish.name, "volume": volume.name, "size": snapshots.plan(settings, wish), "changed": False}
        print(json.dumps(said) if given.json else f"snapshot {wish.name} of {volume.name} would be made, {said['size'] >> 20} MiB")
        return FINE
    made = snapshots.create(settings, wish)
    print(json.dumps({**made.told(), "changed": True}) if given.json else f"snapshot {made.name} of {made.volume}: {made.path}")
    return FINE


def _share(text: str | None, volume: Volume) -> int:
    """Return bytes; 0 leaves it to the settings."""
    if not text:
        return 0
    if text.endswith("%") and text[:-1].isdigit() and int(text[:-1]):
        return snapshots.extent_of(volume) * int(text[:-1]) // 100
    return in_bytes(text)


def _list(settings: Settings, as_json: bool) -> int:
    found = snapshots.listed(settings)
    if as_json:
        print(json.dumps({"snapshots": [one.told() for one in found]}))
    else:
        for one in found:
            room = "lost: its room is used up" if one.lost else f"{one.used:.0f} % of {one.size >> 20} MiB used"
            print(f"{one.name}  of {one.volume or 'nothing'}  {room}  {one.path if one.mounted else 'not mounted'}")
    return FOUND if any(one.lost for one in found) else FINE


def _remove(settings: Settings, given: argparse.Namespace) -> int:
    if bool(given.name) == given.all:
        print("storage: say the snapshot's name, or --all", file=sys.stderr)
        return USAGE
    known = snapshots.left(settings)
    chosen = known if given.all else [given.name] if given.name in known else []
    for name in [] if given.check else chosen:
        snapshots.remove(settings, name)
    if given.json:
        print(json.dumps({"removed": chosen, "changed": bool(chosen) and not given.check}))
    else:
        verb = "would be removed" if given.check else "removed"
        print(f"{verb}: {', '.join(chosen)}" if chosen else "there is no such snapshot")
    return FINE
