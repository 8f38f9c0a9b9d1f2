"""How a service's command begins: its words are read, then its configuration, and then it does what was asked for."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .settings import SettingsError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

T = TypeVar("T")

#: As argparse has it.
USAGE = 2


def words(name: str, about: str, exits: str = "") -> tuple[argparse.ArgumentParser, Commands]:
    """Return the parser of a command, and what makes its subcommands. exits: what its exit codes mean, for --help.

    Its configuration is /etc/posthouse/NAME.toml, unless --config names another file.
    """
    parser = argparse.ArgumentParser(prog=name, description=about, epilog=exits)
    configuration = Path("/etc/posthouse", f"{name}.toml")
    parser.add_argument("--config", type=Path, default=configuration, help="configuration file (default: %(default)s)")
    return parser, parser.add_subparsers(dest="command", required=True)


def for_programs(*commands: argparse.ArgumentParser) -> None:
    """Let subcommands answer with JSON when they are asked to."""
    for command in commands:
        command.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def start(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    load: Callable[[Path], T],
    run: Callable[[T, argparse.Namespace], int],
) -> int:
    """Run one command and return its exit code: that of run(), or 2 when the configuration cannot be used.

    load: reads the configuration; raises SettingsError, whose words the operator sees.
    """
    given = parser.parse_args(arguments)
    try:
        settings = load(given.config)
    except SettingsError as fault:
        print(f"{parser.prog}: {fault}", file=sys.stderr)
        return USAGE
    return run(settings, given)


def tell_findings(said: dict[str, Any], as_json: bool) -> bool:
    """Print what a status says; whether all of it is fine.

    said: findings, each with level (fine, warning, critical), says, and remedy, which may be empty.
    """
    if as_json:
        print(json.dumps(said))
    else:
        for one in said["findings"]:
            print(f"{one['level']:8} {one['says']}" + (f"\n         → {one['remedy']}" if one["remedy"] else ""))
    return all(one["level"] == "fine" for one in said["findings"])
