"""The command: the service itself, and what its operator asks."""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posthouse.journal import log_to_the_journal
from posthouse.start import for_programs, start, words

from . import cdb
from .control import Door, ask
from .service import Service
from .settings import Settings, load
from .table import FROM, lookup_keys

FINE, REFUSED, AWAY = 0, 1, 3
_EXITS = "Exit codes: 0 fine; 1 refused, unknown or not up to date; 2 wrong use or configuration; 3 no service or no table."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return start(_parser(), arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "serve":
        return _serve(settings)
    if given.command == "check":
        return _check(settings, given.address, given.json)
    request = {"do": given.command, "accept_loss": getattr(given, "accept_loss", False)}
    try:
        status = ask(settings.control, request)
    except OSError as fault:
        return _say({"state": "away", "fault": f"the service does not answer: {fault}"}, given.json, AWAY)
    return _say(status, given.json, FINE if status.get("state") == "current" else REFUSED)


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("recipients", __doc__, _EXITS)
    commands.add_parser("serve", help="follow the directory and write the table, until told to stop")
    status = commands.add_parser("status", help="say how the service and its table are", epilog=_EXITS)
    refresh = commands.add_parser("refresh", help="read everything from the directory now", epilog=_EXITS)
    refresh.add_argument("--accept-loss", action="store_true", help="believe the directory even when many or all addresses are gone")
    check = commands.add_parser("check", help="say what the table answers for an address", epilog=_EXITS)
    check.add_argument("address")
    for_programs(status, refresh, check)
    return parser


def _serve(settings: Settings) -> int:
    from .directory import LdapSession  # noqa: PLC0415  the other commands, and the tests, need no LDAP library

    log_to_the_journal()
    service = Service(settings, LdapSession)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    door = Door(settings.control, service.answer)
    try:
        service.run()
    finally:
        door.close()
    return FINE


def _check(settings: Settings, address: str, as_json: bool) -> int:
    path = Path(settings.table + ".cdb")
    try:
        reader = cdb.Reader(path)
    except (OSError, ValueError) as fault:
        return _say({"address": address, "answer": None, "fault": f"no table: {fault}"}, as_json, AWAY)
    owners = reader.get(FROM + address.strip().lower().encode()) if settings.senders else None
    known = {"senders": owners.decode(errors="replace")} if owners else {}
    for key in lookup_keys(address):
        found = reader.get(key)
        if found is not None:
            answer = found.decode(errors="replace")
            fine = answer == settings.reply_valid
            return _say({"address": address, "key": key.decode(), "answer": answer} | known, as_json, FINE if fine else REFUSED)
    return _say({"address": address, "key": None, "answer": "unknown"}, as_json, REFUSED)


def _say(found: dict[str, Any], as_json: bool, code: int) -> int:
    if as_json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name + ':':12}{'-' if value is None else value}")
    return code
