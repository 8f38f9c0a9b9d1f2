"""The command ``fates trace``: one message from the first packet to the mailbox, across machines."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .book import ENTRIES, Book
from .following import Journey, Line, Logs, follow
from .kinds import FATES, LETTER, MAIL_TAKEN, MESSAGE
from .report import build, printable
from .sources import from_file

FINE, USAGE, NOTHING = 0, 2, 3
_SENDER = re.compile(rb": from=<([^>]*)>, size=")
_RECIPIENT = re.compile(rb": to=<([^>]*)>")


def main(words: Sequence[str]) -> int:
    """Run the command. Raises SourceError."""
    from .command import add_sources, chosen  # noqa: PLC0415, because that module begins with this one

    parser = argparse.ArgumentParser(
        prog="fates trace",
        description="Follow one message through all stages and machines.",
        epilog="Exit codes: 0 found; 2 wrong use; 3 nothing was found; 4 a log could not be read.",
    )
    parser.add_argument("what", metavar="WHAT", help="a queue id of any stage, a Message-ID or a part of it, or an address")
    add_sources(parser)
    parser.add_argument("--all", action="store_true", help="show every message found, not a list of them")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(words)
    if len(given.what) < 3:
        parser.error("WHAT needs three characters at least")
    logs = Logs(chosen(given), lambda name: from_file(Path(name)))
    try:
        journeys, rest = follow(logs, given.what.encode())
    finally:
        logs.close()
    if not journeys and not rest:
        print(f"fates: nothing names {printable(given.what)} in these logs", file=sys.stderr)
        return NOTHING
    told = [_told(journey, given.entry or ENTRIES, given.submission) for journey in journeys]
    if given.json:
        print(json.dumps({"messages": told, "other_lines": [_line(line) for line in rest]}))
    elif len(told) == 1 or given.all:
        for message in told:
            _print(message)
        _others(rest)
    else:
        if told:
            _list(told)
        _others(rest)
    return FINE


def _told(journey: Journey, entries: Sequence[str], submission: Sequence[str]) -> dict[str, Any]:
    """Return a message with its fate, which is told from its lines alone as it would be from the whole log."""
    lines = journey.ordered()
    mail = [line for line in lines if not line.copy]
    book = Book(entries, submission)
    for line in sorted(mail, key=lambda line: line.number):
        book.introduce(_as_text(line), False)
    for line in sorted(mail, key=lambda line: (line.time, line.number)):
        book.text(_as_text(line) + b"\n")
    book.close()
    units = build(book)["units"]
    fates = [f"{fate} ({unit})" for unit in (MESSAGE, LETTER) for fate in units.get(unit, {})]
    texts = [line.text for line in mail]
    sender = next((match[1] for text in texts if (match := _SENDER.search(text))), b"")
    recipients = dict.fromkeys(match[1] for text in texts if (match := _RECIPIENT.search(text)))
    return {
        "queue_ids": sorted(queue_id.decode() for queue_id in journey.ids),
        "from": printable(sender.decode("utf-8", "replace")),
        "to": [printable(one.decode("utf-8", "replace")) for one in recipients],
        "fates": fates or [FATES[MAIL_TAKEN].name.lower() + " not seen"],
        "machines": list(dict.fromkeys(_plain(line.machine) for line in lines)),
        "lines": [_line(line) for line in lines],
    }


def _as_text(line: Line) -> bytes:
    pid = b"[" + line.pid + b"]" if line.pid else b""
    return b"2000-01-01T00:00:00 " + line.machine + b" " + line.program + pid + b": " + line.text


def _plain(raw: bytes) -> str:
    return printable(raw.decode("utf-8", "replace"))


def _line(line: Line) -> dict[str, str]:
    return {"time": line.stamp, "machine": _plain(line.machine), "program": _plain(line.program), "text": _plain(line.text)}


def _print(message: dict[str, Any]) -> None:
    print(f"From <{message['from']}> to {', '.join(message['to']) or 'nobody'}: {', '.join(message['fates'])}")
    wide = {key: max(len(line[key]) for line in message["lines"]) for key in ("time", "machine", "program")}
    for line in message["lines"]:
        print("  ".join([*(line[key].ljust(wide[key]) for key in wide), line["text"]]))
    print()


def _list(told: Sequence[dict[str, Any]]) -> None:
    print(f"{len(told)} messages; name one of the queue ids to follow it, or say --all")
    for message in told:
        first = message["lines"][0]
        print(
            f"{first['time']}  {message['queue_ids'][0]}  <{message['from']}> to {', '.join(message['to'])}: {', '.join(message['fates'])}"
        )


def _others(rest: Sequence[Line]) -> None:
    if rest:
        print("Lines that name it without a message:")
        for line in rest[-50:]:
            told = _line(line)
            print(f"{told['time']}  {told['machine']}  {told['program']}  {told['text']}")
