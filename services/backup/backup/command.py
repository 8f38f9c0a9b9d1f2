"""Keep copies of people's mail for a time, mirror what they have, and bring it back."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from posthouse.accounts import become_owner
from posthouse.journal import log_to_the_journal
from posthouse.start import start, words

from . import cull, drill, find, holds, mirror, report, restore, state
from .settings import Settings, load

EXITS = "Exit codes: 0 fine; 1 something is wrong, or was not done; 2 wrong use or configuration."
#: Each has add(subparsers), which makes its subcommands and gives each `run`: a function of the settings and what was asked for, that
#: returns an exit code.
_MODULES = (cull, drill, report, find, holds, mirror, restore, state)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser, commands = words("backup", __doc__, EXITS)
    checking = commands.add_parser("check", help="read the configuration and say what is wrong with it", epilog=EXITS)
    checking.set_defaults(run=lambda *_: 0)
    for module in _MODULES:
        module.add(commands)
    return start(parser, arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    # What root would leave behind there, nobody else could replace; and nothing here needs root.
    become_owner(settings.home / "people", 0o077)
    log_to_the_journal()
    return int(given.run(settings, given))
