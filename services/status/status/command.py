"""How this machine is, and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError

from . import looking, page
from .findings import Finding, Level, restored
from .settings import load

CONFIGURATION = Path("/etc/posthouse/status.toml")
DOOR = Path("/run/posthouse-status.socket")
_EXITS = "Exit codes: 0 all is fine; 1 something is a warning; 2 something is critical, or cannot be asked."
#: More than the service's own patience (systemd ends it then).
_PATIENCE = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "ask":
            return _say(_asked(given.door), given)
        settings = load(given.config)
        if given.command == looking.LOOK:
            print(json.dumps([one.told() for one in looking.here(settings)]))
            return 0
        print(json.dumps(looking.report(settings, [*looking.command(), "--config", str(given.config)])))
        return 0
    except SettingsError as fault:
        print(f"status: {fault}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever asked has gone; Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="status", description=__doc__, epilog=_EXITS)
    parser.add_argument(
        "command",
        nargs="?",
        default="ask",
        choices=["ask", "serve", looking.LOOK],
        help="ask the service (the default); serve: what the service does; look: its part that asks no other service",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")
    parser.add_argument("--all", action="store_true", help="every sentence, of what is fine too")
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="configuration file of serve and look (default: %(default)s)")
    parser.add_argument("--door", type=Path, default=DOOR, help="socket of the service (default: %(default)s)")
    return parser


def _asked(door: Path) -> dict[str, Any]:
    """Ask the service. What comes of it is a report in any case."""
    read = b""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_PATIENCE)
            line.connect(str(door))
            while block := line.recv(1 << 16):
                read += block
        answer = json.loads(read)
        [restored(one) for one in answer["findings"]]
    except PermissionError:
        why, remedy = "you may not ask", "root may, and whoever is in the group adm"
    except (OSError, TimeoutError) as fault:
        why, remedy = f"{door}: {fault.strerror or 'no answer in time'}", "systemctl restart posthouse-status.socket"
    except (ValueError, TypeError, KeyError):
        why, remedy = "it broke off", "journalctl -u 'posthouse-status@*' -e says why"
    else:
        return dict(answer)
    fault_found = Finding("status", "itself", Level.CRITICAL, f"the machine does not say how it is: {why}", remedy)
    return {"machine": socket.gethostname(), "at": None, "seconds": 0, "findings": [fault_found.told()]}


def _say(report: dict[str, Any], given: argparse.Namespace) -> int:
    found = [restored(one) for one in report["findings"]]
    if given.json:
        print(json.dumps(report))
    else:
        colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(page.page(str(report["machine"]), {str(report["machine"]): found}, colours=colours, everything=given.all, at=report["at"]))
    return max((one.level for one in found), default=Level.FINE).value
