"""Put dumps in the place of the databases: restored beside them first, then exchanged in one statement, and what was there stays aside.

Whoever is interrupted begins again: until the exchange nothing of the live tables has changed, and after it a row in them says so.
"""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import dump
from .database import Database
from .dump import Dump
from .errors import QuarantineError
from .settings import Admin

#: The name under which the table of jobs remembers what was put in place.
JOB = "restore"
_ARRIVING, _BEFORE = "_arriving", "_before"


def look(database: Database, settings: Admin, dumps: list[Dump]) -> dict[str, Any]:
    """Say what replacing would do.

    Returns done (these dumps have been put in place already), ready (they are restored beside the live tables), newer (letters that
    came after the dump and would be put aside) and letters (those that are there now).
    """
    wanted = {one.database: one.file for one in dumps}
    there = _tables(database, settings.database)
    newer = letters = 0
    if "msgs" in there:
        taken = datetime.strptime(min(one.at for one in dumps), dump.STAMP).replace(tzinfo=UTC).timestamp()
        letters = int(database.value(f"SELECT COUNT(*) FROM `{settings.database}`.msgs"))
        newer = int(database.value(f"SELECT COUNT(*) FROM `{settings.database}`.msgs WHERE time_num > %s", (int(taken),)))
    done = _noted(database, settings.database) == wanted
    return {"done": done, "ready": _noted(database, settings.database + _ARRIVING) == wanted, "newer": newer, "letters": letters}


def prepare(database: Database, settings: Admin, dumps: list[Dump], user: str, say: Callable[[str], None]) -> None:
    """Restore dumps beside the live tables and count them. Raises QuarantineError; the live tables are as before whatever happens."""
    if look(database, settings, dumps)["ready"]:
        say("already restored beside the live tables")
        return
    for one in dumps:
        beside = one.database + _ARRIVING
        dump.empty(database, beside)
        dump.restore(database, settings, one, beside, user)
        found = dump.counts(database, beside)
        if wrong := [table for table, (least, most) in one.counts.items() if not least <= found.get(table, -1) <= most]:
            raise QuarantineError(f"{one.file} was restored and differs in {', '.join(wrong)}: nothing was replaced")
        say(f"{one.file}: {sum(found.values())} rows restored beside the live tables")
    # Last, so that what is only half there is never taken for ready.
    database.run(
        f"REPLACE INTO `{settings.database}{_ARRIVING}`.job (name, begun_at, ended_at, fine_at, state, detail)"
        " VALUES (%s, UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP(), 'fine', %s)",
        (JOB, json.dumps({one.database: one.file for one in dumps})),
    )


def swap(database: Database, settings: Admin, dumps: list[Dump], overwrite_newer: bool, say: Callable[[str], None]) -> None:
    """Exchange what was prepared for the live tables. Nobody may be writing. Raises QuarantineError."""
    found = look(database, settings, dumps)
    if not found["ready"]:
        raise QuarantineError("these dumps are not restored beside the live tables yet: replace --step prepare comes first")
    if found["newer"] and not overwrite_newer:
        raise QuarantineError(f"{found['newer']} letters came after the dump: say --overwrite-newer to put them aside with the rest")
    moves = []
    for name in (settings.database, settings.antispam):
        aside = name + _BEFORE
        for one in (aside, name):  # a database that was lost is not there at all
            database.run(f"CREATE DATABASE IF NOT EXISTS `{one}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        dump.empty(database, aside)
        moves += [f"`{name}`.`{table}` TO `{aside}`.`{table}`" for table in _tables(database, name)]
        moves += [f"`{name}{_ARRIVING}`.`{table}` TO `{name}`.`{table}`" for table in _tables(database, name + _ARRIVING)]
    # One statement: either all tables are the dump's, or none (MariaDB 10.6 and later).
    database.run(f"RENAME TABLE {', '.join(moves)}")
    for name in (settings.database, settings.antispam):
        database.run(f"DROP DATABASE `{name}{_ARRIVING}`")
        say(f"{name} is that of the dump; what it was before is in {name}{_BEFORE}")


def _noted(database: Database, name: str) -> dict[str, Any]:
    if "job" not in _tables(database, name):
        return {}
    detail = database.value(f"SELECT detail FROM `{name}`.job WHERE name = %s AND state = 'fine'", (JOB,))
    return dict(json.loads(detail)) if detail else {}


def _tables(database: Database, name: str) -> list[str]:
    asked = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1"
    return [str(one) for (one,) in database.rows(asked, (name,))]
