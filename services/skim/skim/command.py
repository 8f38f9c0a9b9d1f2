"""The milter that looks at letters which people hand in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from posthouse.journal import log_to_the_journal
from posthouse.settings import SettingsError

from .settings import Watched

CONFIGURATION = Path("/etc/posthouse/skim.toml")
SOCKET = "unix:/run/posthouse-skim/milter"
FINE, FAILED, USAGE = 0, 1, 2
_EXITS = "Exit codes: 0 fine; 1 the socket cannot be opened; 2 wrong use or configuration."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="skim", description=__doc__, epilog=_EXITS)
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="configuration file (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    server = commands.add_parser("serve", help="answer Postfix, until told to stop")
    server.add_argument("--socket", default=SOCKET, help="where, as libmilter writes it (default: %(default)s)")
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    given = parser.parse_args(arguments)
    try:
        settings = Watched(given.config)
    except SettingsError as fault:
        print(f"skim: {fault}", file=sys.stderr)
        return USAGE
    if given.command == "check":
        return FINE
    from .milter import serve  # noqa: PLC0415  to check a configuration, and the tests, need no milter library

    log_to_the_journal()
    return FINE if serve(given.socket, settings) else FAILED
