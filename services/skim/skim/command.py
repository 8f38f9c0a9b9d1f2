"""The milter that looks at letters which people hand in."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .session import NOTICE
from .settings import SettingsError, load

CONFIGURATION = Path("/etc/posthouse/skim.toml")
FINE, FAILED, USAGE = 0, 1, 2
_EXITS = "Exit codes: 0 fine; 1 the socket cannot be opened; 2 wrong use or configuration."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="skim", description=__doc__, epilog=_EXITS)
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="configuration file (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer Postfix, until told to stop")
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    given = parser.parse_args(arguments)
    try:
        settings = load(given.config)
    except SettingsError as fault:
        print(f"skim: {fault}", file=sys.stderr)
        return USAGE
    if given.command == "check":
        return FINE
    from .milter import serve  # noqa: PLC0415  to check a configuration, and the tests, need no milter library

    _log_for_the_journal()
    return FINE if serve(settings) else FAILED


def _log_for_the_journal() -> None:
    class Journal(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            levels = {logging.INFO: 6, NOTICE: 5, logging.WARNING: 4}
            return f"<{levels.get(record.levelno, 3)}>{super().format(record)}"

    handler = logging.StreamHandler()
    handler.setFormatter(Journal() if "JOURNAL_STREAM" in os.environ else None)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
