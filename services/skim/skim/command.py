"""The milter that looks at letters which people hand in."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from posthouse.journal import log_to_the_journal
from posthouse.start import start, words

from .settings import Watched

SOCKET = "unix:/run/posthouse-skim/milter"
FINE, FAILED = 0, 1
_EXITS = "Exit codes: 0 fine; 1 the socket cannot be opened; 2 wrong use or configuration."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser, commands = words("skim", __doc__, _EXITS)
    server = commands.add_parser("serve", help="answer Postfix, until told to stop")
    server.add_argument("--socket", default=SOCKET, help="where, as libmilter writes it (default: %(default)s)")
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    return start(parser, arguments, Watched, _run)


def _run(settings: Watched, given: argparse.Namespace) -> int:
    if given.command == "check":
        return FINE
    from .milter import serve  # noqa: PLC0415  to check a configuration, and the tests, need no milter library

    log_to_the_journal()
    return FINE if serve(given.socket, settings) else FAILED
