"""A machine's disks: brings them up when they are there, and says how they are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from posthouse.journal import log_to_the_journal
from posthouse.start import start, words

from . import activation
from .settings import Settings, load

FINE = 0
_EXITS = "Exit codes: 0 fine; 1 something is wrong; 2 wrong use or configuration."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return start(_parser(), arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command in ("activate", "deactivate"):
        log_to_the_journal()
        return activation.activate(settings) if given.command == "activate" else activation.deactivate(settings)
    return FINE


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("storage", __doc__, _EXITS)
    commands.add_parser("activate", help="wait for the devices, then activate their groups (posthouse-storage.service does)")
    commands.add_parser("deactivate", help="deactivate the groups; nothing may be mounted")
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    return parser
