"""Look at what the content filter has stopped, release it, say that it is spam, delete it."""

from __future__ import annotations

import argparse
import json
import os
import pwd
import re
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posthouse.text import visible

from . import items, listing, output
from .acts import Done, Reviewer, filter_release
from .database import Database, over_tls
from .errors import EXITS, FINE, QuarantineError
from .learn import learn
from .settings import CLASSES, Review, load
from .statistics import totals

CONFIGURATION = Path("/etc/posthouse/quarantine.toml")
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


class Call:
    """One call of the command: what was asked, and where the answer goes."""

    def __init__(self, given: argparse.Namespace, settings: Review, database: Database) -> None:
        self.given, self.settings, self.database = given, settings, database
        addresses = [one for text in given.person for one in text.split(",")]
        self.scope = items.person(addresses, settings.delimiter) if given.person else items.Scope()
        self.reviewer = Reviewer(database, given.actor, self.scope, filter_release(settings))

    def say(self, answer: Any, lines: list[str]) -> None:
        """Print an answer: an object for programs, or lines for people."""
        # Plain ASCII, so that not even JSON brings a control character to a terminal.
        print(json.dumps(answer) if self.given.json else "\n".join(lines))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = load(given.config, Review)
        with over_tls(settings) as database:
            run: Callable[[Call], int] = given.run
            return run(Call(given, settings, database))
    except QuarantineError as fault:
        return _fault(given, fault)
    except BrokenPipeError:
        # Whoever read the list has seen enough. Python would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _fault(given: argparse.Namespace, fault: QuarantineError) -> int:
    if given.json:
        print(json.dumps({"error": fault.word, "message": str(fault)}))
    else:
        print(f"quarantine: {visible(str(fault))}", file=sys.stderr)
    return fault.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarantine", description=__doc__, epilog=EXITS)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[Call], int], text: str, *, person: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=EXITS)
        made.add_argument("--config", type=Path, default=CONFIGURATION, help="configuration file (default: %(default)s)")
        made.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        if person:
            made.add_argument(
                "--person", action="append", default=[], metavar="ADDRESS[,ADDRESS]", help="only items for these addresses of one person"
            )
        made.add_argument("--actor", default=_actor(), help="who acts, for the audit (default: %(default)s)")
        made.set_defaults(run=run, **({} if person else {"person": []}))
        return made

    listing = command("list", _list, "list items, newest first: those that wait for a decision, unless told otherwise")
    listing.add_argument("--class", dest="classes", action="append", default=[], choices=list(CLASSES), help="only this class (repeatable)")
    listing.add_argument(
        "--state", dest="states", action="append", default=[], choices=[*items.STATES, "all"], help="items in this state (repeatable)"
    )
    listing.add_argument("--recipient", default="", help="a part of the recipient's address")
    listing.add_argument("--sender", default="", help="a part of the sender's address or name")
    listing.add_argument("--text", default="", help="a part of subject or author")
    listing.add_argument("--since", type=_moment, default=0, help="not older: 90m, 12h, 3d, 2w, 2026-11-22, 2026-11-22T08:00Z")
    listing.add_argument("--until", type=_moment, default=0, help="older, likewise")
    listing.add_argument("--limit", type=int, default=50, help="items of a page (default: %(default)s)")
    listing.add_argument("--after", default="", metavar="MARK", help="the page after this mark, which the page before named")

    show = command("show", _show, "show a message, decoded and harmless")
    show.add_argument("id")
    show.add_argument("--raw", action="store_true", help="as it came; control characters are escaped when the output is a terminal")

    acts: dict[str, tuple[Callable[[Call], int], str]] = {
        "release": (_release, "deliver a message to one recipient after the other; spam that is released is learned as ham"),
        "confirm": (_confirm, "say that it is spam: it is learned as such and no longer listed"),
        "delete": (_delete, "mark an item for deletion"),
    }
    for name, (run, text) in acts.items():
        act = command(name, run, text)
        act.add_argument("id")
        act.add_argument("--recipient", dest="recipients", action="append", default=[], help="for this recipient (repeatable)")
        act.add_argument("--all", action="store_true", help="for every recipient")
        if name == "release":
            act.add_argument("--again", action="store_true", help="also what was released, delivered, deleted, confirmed or cut off before")
        if name == "confirm":
            act.add_argument("--ham", action="store_true", help="say that it is no spam: it is learned as ham and stays where it is")

    stats = command("stats", _stats, "count what is kept, by class and by what became of it")
    stats.add_argument("--since", type=_moment, default=0, help="only what came since then")
    command("learn", _learn, "teach SpamAssassin what was confirmed and released", person=False)
    return parser


def _actor() -> str:
    name = os.environ.get("SUDO_USER") or os.environ.get("QUARANTINE_ACTOR") or pwd.getpwuid(os.getuid()).pw_name
    return f"{name}@{socket.gethostname()}"


def _moment(text: str) -> int:
    if match := re.fullmatch(r"(\d{1,5})([mhdw])", text):
        return int(time.time()) - int(match[1]) * _UNITS[match[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: say 12h, 3d, or 2026-11-22") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _list(call: Call) -> int:
    given = call.given
    wanted = listing.Filter(
        classes=tuple(given.classes),
        states=items.STATES if "all" in given.states else tuple(given.states),
        recipient=given.recipient,
        sender=given.sender,
        text=given.text,
        since=given.since,
        until=given.until,
        limit=given.limit,
        after=given.after,
    )
    found, mark = listing.listed(call.database, call.scope, wanted)
    more = [f"(more: --after {mark})"] if mark else []
    call.say({"items": [item.as_json() for item in found], "next": mark or None}, [*output.table(found), *more] or ["nothing"])
    return FINE


def _show(call: Call) -> int:
    if call.given.raw:
        if sys.stdout.isatty():
            for piece in call.reviewer.raw(call.given.id):
                sys.stdout.write(visible(piece.decode("latin-1").replace("\r\n", "\n"), lines=True))
        else:
            for piece in call.reviewer.raw(call.given.id):
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        return FINE
    found, shown = call.reviewer.look(call.given.id)
    call.say({"items": [item.as_json() for item in found], "message": asdict(shown)}, output.letter(found, shown))
    return FINE


def _release(call: Call) -> int:
    return _act(call, lambda item: call.reviewer.release(item, call.given.again))


def _confirm(call: Call) -> int:
    return _act(call, call.reviewer.approve if call.given.ham else call.reviewer.confirm)


def _delete(call: Call) -> int:
    return _act(call, call.reviewer.delete)


def _act(call: Call, act: Callable[[items.Item], Done]) -> int:
    """Act on one recipient after the other. What fails for one is said and does not keep the others from theirs."""
    chosen = call.reviewer.choose(call.given.id, tuple(call.given.recipients), call.given.all)
    if len(chosen) == 1:
        results = [_result(act(chosen[0]))]
        code = FINE
    else:
        results, code = [], FINE
        for item in chosen:
            try:
                results.append(_result(act(item)))
            except QuarantineError as fault:
                results.append({"id": item.id, "recipient": item.recipient, "error": fault.word, "message": str(fault)})
                code = code or fault.code
    lines = [visible(f"{one['id']} {one['recipient']}: {one.get('result') or one['message']}") for one in results]
    call.say({"results": results}, lines)
    return code


def _result(done: Done) -> dict[str, str]:
    return {"id": done.item.id, "recipient": done.item.recipient, "result": done.result, "detail": done.detail}


def _stats(call: Call) -> int:
    answer = totals(call.database, call.scope, call.given.since)
    call.say(answer, output.totals(answer))
    return FINE


def _learn(call: Call) -> int:
    done = learn(call.database, call.settings)
    call.say(asdict(done), [f"{done.learned} learned, {done.skipped} skipped, {done.failed} given up, {done.waiting} to be tried again"])
    return 1 if done.failed or done.waiting else FINE


if __name__ == "__main__":
    sys.exit(main())
