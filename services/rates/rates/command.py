"""The service that Postfix asks how much somebody may still send, and what its operator asks."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from posthouse.journal import log_to_the_journal
from posthouse.start import USAGE, for_programs, start, words

from .counting import Counter
from .letters import Sender
from .limits import NONE
from .local import Local
from .policy import Server
from .service import Service
from .settings import Settings, load
from .shared import Shared

FINE, ALONE, AWAY = 0, 1, 3
_EXITS = "Exit codes: 0 fine; 1 database or directory away, or a limit reached; 2 wrong use or configuration; 3 no service."
_UPKEEP, _PURGE = 5.0, 600.0
_FIRST_DESCRIPTOR = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    return start(_parser(), arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "check":
        return FINE
    if given.command == "serve":
        return serve(settings)
    question = {"request": f"rates_{given.command}", "most": str(getattr(given, "most", 0))}
    question |= {"kind": getattr(given, "kind", ""), "name": getattr(given, "name", "")}
    try:
        answer = ask(settings.socket, question)
    except OSError as fault:
        answer = {"error": f"the service does not answer: {fault}"}
        _say(answer, given.json, [answer["error"]])
        return AWAY
    if "error" in answer:
        _say(answer, given.json, [answer["error"]])
        return USAGE
    return _SHOWN[given.command](answer, given.json)


def _parser() -> argparse.ArgumentParser:
    parser, commands = words("rates", __doc__, _EXITS)
    commands.add_parser("serve", help="answer Postfix, until told to stop")
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    status = commands.add_parser("status", help="say whether counts are shared and the directory answers", epilog=_EXITS)
    listing = commands.add_parser("list", help="say who has written to most recipients within the window", epilog=_EXITS)
    listing.add_argument("--most", type=int, default=20, help="so many (default: %(default)s)")
    show = commands.add_parser("show", help="say how much one person or device has used", epilog=_EXITS)
    show.add_argument("kind", choices=["person", "device"])
    show.add_argument("name", help="login, or address")
    for_programs(status, listing, show)
    return parser


def serve(settings: Settings) -> int:
    """Run the service until it is told to stop."""
    log_to_the_journal()
    people: Any = None
    if settings.directory:
        from .directory import LdapPeople  # noqa: PLC0415  the other commands, and most tests, need no LDAP library

        people = LdapPeople(settings.directory)
    database = settings.database
    local = Local(settings.window, settings.most_waiting)
    shared = (lambda: Shared(database, settings.window, settings.most_waiting)) if database else None
    counter = Counter(local, shared)
    sender = Sender(settings)
    service = Service(settings, counter, people, sender.send)
    server = Server(settings.socket, service.decide, _opened_by_systemd())
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=server.serve_forever, name="policy", daemon=True).start()
    rounds = 0
    while not stopping.is_set():
        counter.upkeep(purge=rounds % round(_PURGE / _UPKEEP) == 0)
        if people:
            people.upkeep()
        rounds += 1
        stopping.wait(_UPKEEP)
    sender.close()
    server.shutdown()
    return FINE


def _opened_by_systemd() -> int | None:
    mine = os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1"
    return _FIRST_DESCRIPTOR if mine else None


def ask(path: str, question: Mapping[str, str]) -> dict[str, Any]:
    """Ask the running service. Raises OSError when it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        connection.connect(path)
        connection.sendall("".join(f"{name}={value}\n" for name, value in question.items() if "\n" not in value).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline()
    if not line.startswith(b"action="):
        raise OSError(f"{path}: no answer")
    answer: dict[str, Any] = json.loads(line[len(b"action=") :])
    return answer


def _say(answer: Mapping[str, Any], as_json: bool, lines: Sequence[str]) -> None:
    print(json.dumps(answer) if as_json else "\n".join(lines))


def _shown_status(answer: dict[str, Any], as_json: bool) -> int:
    counting, directory = answer["counting"], answer["directory"] or {"state": "none", "fault": None}
    lines = [f"counting:  {counting['state']}" + (f" for {counting['away_seconds']} s: {counting['fault']}" if counting["fault"] else "")]
    lines += [f"directory: {directory['state']}" + (f": {directory['fault']}" if directory["fault"] else "")]
    _say(answer, as_json, lines)
    return ALONE if "away" in (counting["state"], directory["state"]) else FINE


def _row(one: Mapping[str, Any]) -> str:
    words = {name: "none" if one[name] == NONE else one[name] for name in ("soft", "hard")}
    return f"{one['used']:7} of {words['hard']:>7} (warned from {words['soft']})  {one['kept']:4} kept  {one['kind']:6} {one['name']}"


def _shown_list(answer: dict[str, Any], as_json: bool) -> int:
    _say(answer, as_json, [_row(one) for one in answer["holders"]] or ["nobody"])
    return FINE


def _shown_show(answer: dict[str, Any], as_json: bool) -> int:
    _say(answer, as_json, [_row(answer)])
    return ALONE if answer["hard"] != NONE and answer["used"] >= answer["hard"] else FINE


_SHOWN = {"status": _shown_status, "list": _shown_list, "show": _shown_show}
