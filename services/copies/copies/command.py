"""The service that hands copies of delivered letters to the backup machines, and what its operator asks."""

from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from posthouse.journal import log_to_the_journal
from posthouse.notify import notify
from posthouse.start import for_programs, start, words

from .handing import Instance, queue
from .memory import Memory
from .report import report
from .service import Service
from .settings import Settings, load
from .waking import Watch

FINE, FOUND = 0, 1
_EXITS = "Exit codes: 0 fine; 1 copies are late, lost or cannot be made; 2 wrong use or configuration."
#: Letters of one moment are taken together; an unanswered second name of a letter waits no longer than this.
_GATHER = 0.02


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return start(_parser(), arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "check":
        return FINE
    return serve(settings) if given.command == "serve" else status(settings, given.json)


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("copies", __doc__, _EXITS)
    commands.add_parser("serve", help="hand copies over, until told to stop")
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    for_programs(commands.add_parser("status", help="say what waits, for how long and why, and what has no copy", epilog=_EXITS))
    return parser


def serve(settings: Settings) -> int:
    """Run the service until it is told to stop."""
    log_to_the_journal()
    instance = Instance(settings.socket)
    watch = Watch(Path(settings.spool))
    service = Service(settings, Memory(Path(settings.state)), instance, partial(queue, settings.instance))
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def stop(*_: object) -> None:
        service.stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    # A signal between the question and the wait would else be slept over.
    signal.set_wakeup_fd(waker)
    notify("READY=1")
    while not service.stopping:
        watch.renew()
        wait = service.round()
        if service.stopping:
            break
        watch.wait(wait, wake)
        watch.wait(_GATHER, wake)
    instance.close()
    return FINE


def status(settings: Settings, as_json: bool) -> int:
    """Say how copies are."""
    said = report(settings)
    if as_json:
        print(json.dumps(said))
    else:
        for one in said["findings"]:
            print(f"{one['level']:8} {one['says']}" + (f"\n         → {one['remedy']}" if one["level"] != "fine" else ""))
    return FINE if all(one["level"] == "fine" for one in said["findings"]) else FOUND
