"""What the maintenance jobs have done last, for `status` and for whoever watches."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .database import Database

#: Purge, dump and restoring check exclude each other: a dump is compared with the tables, so nothing may vanish from them meanwhile.
MAINTENANCE_LOCK = "posthouse.quarantine.maintenance"


@contextmanager
def job(database: Database, name: str) -> Iterator[dict[str, Any]]:
    """Record that a job runs, and how it ended. The mapping yielded becomes its detail."""
    detail: dict[str, Any] = {}
    database.run(
        "INSERT INTO job (name, begun_at, state, detail) VALUES (%s, UTC_TIMESTAMP(), 'running', '{}')"
        " ON DUPLICATE KEY UPDATE begun_at = UTC_TIMESTAMP(), ended_at = NULL, state = 'running'",
        (name,),
    )
    try:
        yield detail
    except BaseException as fault:
        detail["fault"] = str(fault) or type(fault).__name__
        _end(database, name, "failed", detail)
        raise
    _end(database, name, "fine", detail)


def _end(database: Database, name: str, state: str, detail: dict[str, Any]) -> None:
    database.run(
        "UPDATE job SET ended_at = UTC_TIMESTAMP(), state = %s, detail = %s, fine_at = IF(%s, UTC_TIMESTAMP(), fine_at) WHERE name = %s",
        (state, json.dumps(detail), state == "fine", name),
    )


def known(database: Database) -> dict[str, dict[str, Any]]:
    """Return what is recorded: name -> state, begun, ended, fine (the last good end) and the job's own detail."""
    found = {}
    for name, begun, ended, state, detail, fine in database.rows("SELECT name, begun_at, ended_at, state, detail, fine_at FROM job"):
        moments = {"begun": begun, "ended": ended, "fine": fine}
        found[name] = {
            "state": state,
            **{key: value and f"{value.isoformat()}Z" for key, value in moments.items()},
            "detail": json.loads(detail),
        }
    return found
