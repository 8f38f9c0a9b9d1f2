"""Bring the tables to what this version of the software needs: numbered SQL files, each applied once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .database import Database
from .errors import QuarantineError, UsageError
from .settings import Admin

DIRECTORY = Path(__file__).with_name("migrations")
_LEDGER = """CREATE TABLE IF NOT EXISTS migration (
  number int NOT NULL,
  name varchar(64) NOT NULL,
  digest char(64) NOT NULL,
  applied_at datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. database: the setting that names the database its statements are for."""

    number: int
    name: str
    database: str
    statements: tuple[str, ...]
    digest: str


def read(directory: Path = DIRECTORY) -> list[Migration]:
    """Return the migrations in order. Raises UsageError when a number is missing or used twice."""
    found = [_parse(path) for path in sorted(directory.glob("*.sql"))]
    for wanted, one in enumerate(found, 1):
        if one.number != wanted:
            raise UsageError(f"migrations are numbered from 1 without a gap: {one.name} comes where {wanted} should be")
    return found


def _parse(path: Path) -> Migration:
    match = re.fullmatch(r"(\d{4})_([a-z_]+)", path.stem)
    if not match:
        raise UsageError(f"{path.name} is no name of a migration")
    text = path.read_text(encoding="utf-8")
    named = re.match(r"-- database: (\w+)\n", text)
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    statements = tuple(one.strip() for one in re.split(r";\s*(?:\n|\Z)", code) if one.strip())
    # Comments may be improved afterwards; what was done may not.
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    return Migration(int(match[1]), path.stem, named[1] if named else "database", statements, digest)


def migrate(database: Database, settings: Admin, migrations: Iterable[Migration] | None = None) -> Iterator[Migration]:
    """Apply what is missing, and yield each migration after it is done. Two at once: the second waits, and finds nothing to do.

    MariaDB commits every CREATE and ALTER by itself, so a migration that was cut off is run again as a whole: its statements are
    written to do nothing the second time (IF NOT EXISTS, INSERT IGNORE).
    Raises QuarantineError when a migration that was applied reads differently now, or when the database is newer than this software.
    """
    wanted = list(read() if migrations is None else migrations)
    with database.lock("posthouse.migrate", wait=600, refusal="another migration has been running for ten minutes"):
        database.run(f"USE `{settings.database}`")
        # Without a word about a table that is there already.
        if not database.value("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migration'"):
            database.run(_LEDGER)
        applied = {int(number): str(digest) for number, digest in database.rows("SELECT number, digest FROM migration")}
        if beyond := [number for number in applied if number > len(wanted)]:
            raise QuarantineError(f"the database has migration {max(beyond)}, which this software does not know: it is too old for it")
        for one in wanted:
            if one.number in applied:
                if applied[one.number] != one.digest:
                    raise QuarantineError(f"migration {one.name} has been changed after it was applied; write a new one instead")
                continue
            database.run(f"USE `{getattr(settings, one.database)}`")
            for statement in one.statements:
                database.run(statement)
            database.run(f"USE `{settings.database}`")
            database.run("INSERT INTO migration (number, name, digest) VALUES (%s, %s, %s)", (one.number, one.name, one.digest))
            yield one


def pending(database: Database, migrations: Iterable[Migration] | None = None) -> list[str]:
    """Return the names of migrations that are not applied."""
    wanted = list(read() if migrations is None else migrations)
    if not database.value("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migration'"):
        return [one.name for one in wanted]
    applied = {number for (number,) in database.rows("SELECT number FROM migration")}
    return [one.name for one in wanted if one.number not in applied]
