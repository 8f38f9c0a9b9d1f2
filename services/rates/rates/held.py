"""Look into the hold queue, where letters wait that went beyond a limit, and let them go or remove them."""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import pwd
import sys
import syslog
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from posthouse.text import shortened, visible

from .mailqueue import QUEUE_ID, Hold, Letter, QueueError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
INSTANCE = "/etc/postfix-outside"
FINE, FAILED, USAGE, AWAY, UNKNOWN = 0, 1, 2, 3, 4
_EXITS = "Exit codes: 0 done; 1 something was refused or not done; 2 wrong use; 3 Postfix does not answer; 4 no such letter is on hold."


class HeldError(Exception):
    """A request that cannot be fulfilled: what to say, and the exit code with its word."""

    def __init__(self, message: str, code: int, word: str) -> None:
        super().__init__(message)
        self.code, self.word = code, word


def main(arguments: Sequence[str] | None = None, instance: str = INSTANCE) -> int:
    """Run one command and return its exit code. instance: the Postfix instance to look at, unless told otherwise."""
    given = _parser(instance).parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace, Hold], int] = given.run
        return run(given, Hold(given.instance))
    except QueueError as fault:
        return _fault(given, str(fault), AWAY, "away")
    except HeldError as fault:
        return _fault(given, str(fault), fault.code, fault.word)
    except BrokenPipeError:
        # Whoever read the list has seen enough. Python would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _parser(instance: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="held", description=__doc__, epilog=_EXITS)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace, Hold], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=_EXITS)
        made.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        made.add_argument("--instance", default=instance, metavar="DIRECTORY", help="the Postfix instance (default: %(default)s)")
        made.set_defaults(run=run)
        return made

    def whose(made: argparse.ArgumentParser) -> None:
        made.add_argument("--person", default="", metavar="LOGIN", help="all letters of this person")
        made.add_argument(
            "--device", type=_network, metavar="ADDRESS", help="all letters that came from this address, or network, without a login"
        )

    whose(command("list", _list, "list what waits, oldest first"))
    show = command("show", _show, "show a letter: who handed it in, for whom, why it waits, and its header")
    show.add_argument("id", help="queue ID")
    show.add_argument("--raw", action="store_true", help="the letter as it is; on a terminal its control characters are escaped")
    for name, run, text in (
        ("release", _release, "let letters go on their way; they are not counted"),
        ("delete", _delete, "remove letters for good; nobody is told"),
    ):
        act = command(name, run, text)
        act.add_argument("ids", nargs="*", metavar="ID", help="queue ID")
        whose(act)
        act.add_argument("--check", action="store_true", help="only say what would be done")
    return parser


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(str(fault)) from fault


def _list(given: argparse.Namespace, hold: Hold) -> int:
    letters = [one for one in hold.letters() if _is_of(one, given)]
    _say(given, {"letters": [_object(one) for one in letters]}, [_line(one) for one in letters] or ["nothing waits"])
    return FINE


def _show(given: argparse.Namespace, hold: Hold) -> int:
    (letter,) = _chosen([given.id], hold.letters())
    if given.raw:
        raw = hold.raw(letter)
        if sys.stdout.isatty():
            sys.stdout.write(visible(raw.decode("latin-1").replace("\r\n", "\n"), lines=True))
        else:
            sys.stdout.buffer.write(raw)
        return FINE
    reason = hold.reason(letter)
    lines = [_line(letter), f"why: {visible(reason) or 'the journal no longer says'}", f"client {visible(letter.client)}"]
    lines += [f"to {visible(one)}" for one in letter.recipients]
    lines += ["", *(f"{visible(name)}: {visible(value)}" for name, value in letter.headers)]
    _say(given, _object(letter) | {"reason": reason, "to": letter.recipients, "headers": letter.headers}, lines)
    return FINE


def _release(given: argparse.Namespace, hold: Hold) -> int:
    return _act(given, hold, "release", hold.release)


def _delete(given: argparse.Namespace, hold: Hold) -> int:
    return _act(given, hold, "delete", hold.delete)


def _act(given: argparse.Namespace, hold: Hold, word: str, act: Callable[[Sequence[Letter]], set[str]]) -> int:
    by_owner = bool(given.person or given.device)
    if by_owner == bool(given.ids):
        raise HeldError("name queue IDs, or a person, or a device", USAGE, "usage")
    letters = hold.letters()
    chosen = [one for one in letters if _is_of(one, given)] if by_owner else _chosen(given.ids, letters)
    if not chosen:
        raise HeldError(f"nothing of {given.person or given.device} is on hold", UNKNOWN, "unknown")
    if given.check:
        lines = [f"would {word} {_line(one)}" for one in chosen]
        _say(given, {"check": True, "act": word, "letters": [_object(one) for one in chosen]}, lines)
        return FINE
    done = act(chosen)
    for one in chosen:
        _audit(word, one, one.id in done)
    results = [_object(one) | {"result": f"{word}d" if one.id in done else "failed"} for one in chosen]
    _say(given, {"results": results}, [f"{one.id} {word}d" if one.id in done else f"{one.id}: not done" for one in chosen])
    return FINE if len(done) == len(chosen) else FAILED


def _audit(word: str, letter: Letter, done: bool) -> None:
    """Note who did what, in the journal."""
    actor = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    syslog.openlog("held", 0, syslog.LOG_MAIL)
    said = f"{word}{'d' if done else ' failed'}: queue_id={letter.id} by={actor} who={letter.who} recipients={len(letter.recipients)}"
    syslog.syslog(syslog.LOG_NOTICE, visible(f"{said} sender=<{letter.sender}>"))


def _is_of(letter: Letter, given: argparse.Namespace) -> bool:
    person, device = str(given.person), given.device
    if person:
        return letter.login.lower() == person.lower()
    if not device:
        return True
    try:
        return not letter.login and ipaddress.ip_address(letter.client) in device
    except ValueError:
        return False


def _chosen(ids: Sequence[str], letters: Sequence[Letter]) -> list[Letter]:
    if malformed := [one for one in ids if not QUEUE_ID.fullmatch(one)]:
        raise HeldError(f"{malformed[0]!r} is no queue ID", USAGE, "usage")
    found = {one.id: one for one in letters}
    if missing := [one for one in ids if one not in found]:
        raise HeldError(f"{missing[0]} is not on hold", UNKNOWN, "unknown")
    return [found[one] for one in dict.fromkeys(ids)]


def _object(letter: Letter) -> dict[str, object]:
    return {
        "id": letter.id,
        "at": datetime.fromtimestamp(letter.at, UTC).isoformat(),
        "person": letter.login or None,
        "client": letter.client,
        "recipients": len(letter.recipients),
        "size": letter.size,
        "sender": letter.sender,
        "from": letter.header("From"),
        "subject": letter.header("Subject"),
    }


def _line(letter: Letter) -> str:
    moment = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(letter.at))
    words = [moment, f"{letter.id:12}", f"{visible(letter.who):24}", f"{len(letter.recipients):5} recipients", f"{letter.size:9} bytes"]
    return "  ".join([*words, f"<{visible(letter.sender)}>", shortened(visible(letter.header("Subject")), 80)])


def _say(given: argparse.Namespace, answer: dict[str, object], lines: list[str]) -> None:
    # Plain ASCII, so that not even JSON brings a control character to a terminal.
    print(json.dumps(answer) if given.json else "\n".join(lines))


def _fault(given: argparse.Namespace, message: str, code: int, word: str) -> int:
    if given.json:
        print(json.dumps({"error": word, "message": message}))
    else:
        print(f"held: {visible(message)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
