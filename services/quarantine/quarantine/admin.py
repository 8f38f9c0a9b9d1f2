"""Maintenance of the quarantine, on its own machine: migrate, purge, dump, restore, status."""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shutil
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import accounts, carrying, dump, migrate, replacing
from .database import Database, by_socket
from .errors import EXITS, FINE, QuarantineError, UsageError
from .jobs import MAINTENANCE_LOCK, job, known
from .purge import Purge
from .settings import CLASSES, Admin, days_of, load

CONFIGURATION = Path("/etc/posthouse/quarantine-admin.toml")
ACCOUNTS = Path("/etc/posthouse/quarantine-accounts.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = load(given.config, Admin)
        if given.command == "check":
            return _check(given)
        if given.command in ("export", "import"):
            return _carry(given, settings)
        user = pwd.getpwuid(os.geteuid()).pw_name
        with by_socket(settings.socket, user) as database:
            run: Callable[[Database, Admin, argparse.Namespace, str], int] = given.run
            return run(database, settings, given, user)
    except QuarantineError as fault:
        print(f"quarantine-admin: {fault}", file=sys.stderr)
        return fault.code
    except OSError as fault:
        print(f"quarantine-admin: {fault}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="quarantine-admin", description=__doc__, epilog=EXITS)
    parser.add_argument("--config", type=Path, default=CONFIGURATION, help="configuration file (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[..., int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, epilog=EXITS)
        made.set_defaults(run=run)
        return made

    check = command("check", _setup, "read the configuration and say what is wrong with it; nothing is asked of the database")
    setup = command("setup", _setup, "make databases, tables and accounts what they should be; needs root")
    for one in (check, setup):
        one.add_argument("--accounts", type=Path, default=ACCOUNTS, help="the accounts, with their passwords (default: %(default)s)")
    command("migrate", _migrate, "bring the tables to this version")
    command("purge", _purge, "remove what has been kept long enough")
    command("dump", _dump, "write a dump of each database and remove the oldest")
    restore = command("restore", _restore, "restore a dump")
    restore.add_argument("--into", metavar="DATABASE", help="a database without tables; made when it is not there")
    restore.add_argument("--check", action="store_true", help="restore the newest dumps into the scratch database, compare, remove")
    restore.add_argument("--of", metavar="DATABASE", help="the newest dump of this database (default: the quarantine's)")
    restore.add_argument("--file", help="a certain dump, as status names it")
    command("export", _carry, "write the newest dumps as one tar to standard output; nothing is asked of the database")
    bring = command("import", _carry, "read such a tar from standard input and put its dumps beside the others, when they are whole")
    bring.add_argument("--json", action="store_true", help="name the dumps as one JSON object")
    bring.add_argument("--check", action="store_true", help="look whether they are whole, and put nothing anywhere")
    place = command("replace", _replace, "put the newest dumps in the place of the databases; what was there stays beside them")
    place.add_argument("--step", choices=["look", "prepare", "swap"], default="look", help="look changes nothing (default: %(default)s)")
    place.add_argument("--dump", action="append", metavar="FILE", default=[], help="a certain dump of each database, as status names it")
    place.add_argument("--overwrite-newer", action="store_true", help="swap, though letters came after the dump: they stay aside")
    place.add_argument("--json", action="store_true", help="with look, one JSON object")
    status = command("status", _status, "say how the quarantine is")
    status.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    return parser


def _say(sentence: str) -> None:
    print(sentence, flush=True)


def _accounts(given: argparse.Namespace) -> list[accounts.Account]:
    try:
        return accounts.read(tomllib.loads(given.accounts.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as fault:
        # The message of the parser may quote the line.
        raise UsageError(f"{given.accounts} is no TOML") from fault


def _check(given: argparse.Namespace) -> int:
    """The configuration itself was read by then."""
    _accounts(given)
    migrate.read()
    return FINE


def _setup(database: Database, settings: Admin, given: argparse.Namespace, user: str) -> int:
    wanted = _accounts(given)
    for sentence in accounts.make_databases(database, settings):
        _say(sentence)
    _migrate(database, settings, given, user)
    for sentence in accounts.apply(database, settings, wanted):
        _say(sentence)
    return FINE


def _migrate(database: Database, settings: Admin, _given: argparse.Namespace, _user: str) -> int:
    for one in migrate.migrate(database, settings):
        _say(f"migration {one.name} applied")
    return FINE


def _purge(database: Database, settings: Admin, _given: argparse.Namespace, _user: str) -> int:
    database.run(f"USE `{settings.database}`")
    with database.lock(MAINTENANCE_LOCK, wait=60, refusal="another purge or dump is running"), job(database, "purge") as detail:
        done = Purge(database, settings, _say).run()
        detail |= {"messages": done.messages, "addresses": done.addresses, "orphans": done.orphans, "bytes": done.size}
        detail |= {"seconds": round(done.seconds, 1), "longest": round(done.longest, 3)}
    parts = ", ".join(f"{count} {name}" for name, count in done.messages.items()) or "nothing was due"
    _say(f"purged: {parts}; {done.addresses} addresses, {done.orphans} orphans; {done.size >> 20} MB in {done.seconds:.1f} s")
    return FINE


def _dump(database: Database, settings: Admin, _given: argparse.Namespace, user: str) -> int:
    database.run(f"USE `{settings.database}`")
    with database.lock(MAINTENANCE_LOCK, wait=3600, refusal="another purge or dump is running"), job(database, "dump") as detail:
        for name in (settings.database, settings.antispam):
            made = dump.make(database, settings, name, user)
            removed = dump.thin(settings, name)
            detail[name] = {"file": made.file, "bytes": made.size, "seconds": made.seconds}
            _say(f"{made.file} written: {made.size} bytes, {made.seconds} s; {len(removed)} old ones removed")
    return FINE


def _restore(database: Database, settings: Admin, given: argparse.Namespace, user: str) -> int:
    if given.check == bool(given.into):
        raise UsageError("restore needs either --into DATABASE or --check")
    if given.check:
        database.run(f"USE `{settings.database}`")
        with database.lock(MAINTENANCE_LOCK, wait=3600, refusal="another purge or dump is running"), job(database, "check") as detail:
            for name in (settings.database, settings.antispam):
                one = dump.newest(settings, name)
                found = dump.check(database, settings, one, user, _say)
                detail[name] = {"file": one.file, "rows": sum(found.values())}
        return FINE
    if given.file:
        found_dump = next((one for one in dump.listed(settings) if one.file == given.file), None)
        if found_dump is None:
            raise QuarantineError(f"there is no dump {given.file} in {settings.dumps}")
    else:
        found_dump = dump.newest(settings, given.of or settings.database)
    dump.restore(database, settings, found_dump, given.into, user)
    _say(f"{found_dump.file} restored into {given.into}")
    return FINE


def _replace(database: Database, settings: Admin, given: argparse.Namespace, user: str) -> int:
    known = {one.file: one for one in dump.listed(settings)}
    if given.step != "look" and (unknown := set(given.dump) - set(known)):
        raise QuarantineError(f"there is no dump {min(unknown)} in {settings.dumps}")
    # Before a dump is brought here, its name says enough to look what it would replace.
    named = {one.database: one for one in (known.get(file) or carrying.named(file) for file in given.dump)}
    dumps = [named.get(name) or dump.newest(settings, name) for name in (settings.database, settings.antispam)]
    if given.step == "look":
        found = replacing.look(database, settings, dumps)
        _say(json.dumps(found) if given.json else ", ".join(f"{name}: {value}" for name, value in found.items()))
        return FINE
    with database.lock(MAINTENANCE_LOCK, wait=3600, refusal="another purge or dump is running"):
        if given.step == "prepare":
            replacing.prepare(database, settings, dumps, user, _say)
        else:
            replacing.swap(database, settings, dumps, given.overwrite_newer, _say)
    return FINE


def _carry(given: argparse.Namespace, settings: Admin) -> int:
    if given.command == "export":
        carrying.export(settings, sys.stdout.buffer)
        return FINE
    brought = {one.database: one.file for one in carrying.bring(settings, sys.stdin.buffer, given.check)}
    print(json.dumps(brought) if given.json else "\n".join(f"{file} is whole and here" for file in brought.values()))
    return FINE


def _status(database: Database, settings: Admin, given: argparse.Namespace, _user: str) -> int:
    database.run(f"USE `{settings.database}`")
    missing = migrate.pending(database)
    answer: dict[str, Any] = {"migrations_pending": missing}
    if not missing:
        letters = {
            letter: (int(count), int(copies), int(size or 0), oldest)
            for letter, count, copies, size, oldest in database.rows(
                "SELECT content, COUNT(*), SUM(quar_type <=> 'Q'), SUM(IF(quar_type <=> 'Q', size, 0)), MIN(time_num)"
                " FROM msgs GROUP BY content"
            )
        }
        answer["classes"] = {name: _class(settings, name, [letters[one] for one in CLASSES[name] if one in letters]) for name in CLASSES}
        answer["unfinished"] = letters.get(None, (0,))[0]
        answer["unfinished_copies"] = int(
            database.value(
                "SELECT COUNT(*) FROM msgs m WHERE content IS NULL AND time_num < UNIX_TIMESTAMP() - 3600 AND EXISTS"
                " (SELECT 1 FROM quarantine q WHERE q.partition_tag = m.partition_tag AND q.mail_id = m.mail_id)"
            )
        )
        answer["learn"] = {state: int(count) for state, count in database.rows("SELECT state, COUNT(*) FROM learn GROUP BY state")}
        answer["jobs"] = known(database)
    answer["dumps"] = [{"file": one.file, "bytes": one.size, "at": one.at} for one in dump.listed(settings)]
    directory = Path(settings.dumps)
    answer["disk_free"] = shutil.disk_usage(directory).free if directory.exists() else None
    if given.json:
        print(json.dumps(answer, indent=2))
    else:
        _lines(answer)
    failed = [name for name, one in answer.get("jobs", {}).items() if one["state"] == "failed"]
    return 1 if missing or failed else FINE


def _class(settings: Admin, name: str, found: list[tuple[int, int, int, int]]) -> dict[str, Any]:
    return {
        "messages": sum(one[0] for one in found),
        "copies": sum(one[1] for one in found),
        "bytes": sum(one[2] for one in found),
        "oldest": min((one[3] for one in found), default=None),
        "days": days_of(settings, name),
        "megabytes": settings.megabytes.get(name, 0),
    }


def _lines(answer: dict[str, Any]) -> None:
    if answer["migrations_pending"]:
        print(f"migrations to be applied: {', '.join(answer['migrations_pending'])}")
    for name, one in answer.get("classes", {}).items():
        if one["messages"]:
            print(f"{name:10} {one['messages']:9} messages, {one['copies']:9} copies, {one['bytes'] >> 20:7} MB, kept {one['days']} days")
    if answer.get("unfinished_copies"):
        print(f"unfinished {answer['unfinished_copies']:9} copies that the filter filed and never completed")
    for name, one in answer.get("jobs", {}).items():
        fault = one["detail"].get("fault")
        print(f"{name:10} {one['state']}, last good {one['fine'] or 'never'}{f', {fault}' if fault else ''}")
    for state, count in answer.get("learn", {}).items():
        print(f"learning   {count} {state}")
    for one in answer["dumps"]:
        print(f"dump       {one['file']}, {one['bytes']} bytes")


if __name__ == "__main__":
    sys.exit(main())
