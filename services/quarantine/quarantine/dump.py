"""Dumps of the databases, and the proof that they can be restored."""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NoReturn

from posthouse import disk

from .database import Database
from .errors import QuarantineError, UsageError
from .settings import Admin

#: With --single-transaction the whole dump is of one moment, and nobody waits for it. Without tablespaces no PROCESS right is needed.
_DUMP = ("mariadb-dump", "--no-defaults", "--skip-ssl", "--single-transaction", "--quick", "--hex-blob", "--no-tablespaces")
END = b"-- Dump completed"
#: What stays free on a disk, whatever is done.
_SPARE = 512 << 20
STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Dump:
    """One file, and what was in each table when it was written: a number, or the two between which the true one is."""

    file: str
    database: str
    at: str
    size: int
    seconds: float
    counts: dict[str, tuple[int, int]]
    #: Bytes that the tables took in the database.
    space: int = 0


def counts(database: Database, name: str) -> dict[str, int]:
    """Return the rows of each table of a database, all of one moment."""
    tables = [
        str(one) for (one,) in database.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1", (name,))
    ]
    with database.transaction():
        database.run("SELECT 1")
        return {table: int(database.value(f"SELECT COUNT(*) FROM `{name}`.`{table}`")) for table in tables}


def space(database: Database, name: str) -> int:
    """Return how many bytes the tables of a database take, as the server reckons."""
    asked = "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = %s"
    return int(database.value(asked, (name,)))


def _room(place: Path, needed: int, what: str) -> None:
    """Refuse what would fill a disk: a server that cannot write keeps every filter waiting, and so all mail."""
    free = shutil.disk_usage(place).free
    if free < needed + _SPARE:
        raise QuarantineError(
            f"{what} needs about {needed >> 20} MB and {_SPARE >> 20} MB to spare, {place} has {free >> 20} MB: nothing was done"
        )


def make(database: Database, settings: Admin, name: str, user: str) -> Dump:
    """Dump one database into a new file below settings.dumps. The file has its name only when it is complete and on the disk.

    The caller holds the maintenance lock, so that only arrivals change the tables between the two counts.
    Raises QuarantineError when the dump failed or is not complete.
    """
    directory = Path(settings.dumps)
    begun, stamp = time.monotonic(), datetime.now(UTC).strftime(STAMP)
    final = directory / f"{name}-{stamp}.sql.zst"
    taken = space(database, name)
    # As large as the last one and a half, or at worst as large as the tables.
    last = next((one.size * 3 // 2 for one in listed(settings) if one.database == name), taken)
    _room(directory, last, f"a dump of {name}")
    before = counts(database, name)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}-", suffix=".new", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as out, tempfile.TemporaryFile() as said:
            source = subprocess.Popen([*_DUMP, f"--user={user}", f"--socket={settings.socket}", name], stdout=subprocess.PIPE, stderr=said)
            assert source.stdout
            packer = subprocess.Popen(["zstd", "-q", "-3", "-T1", "-c"], stdin=subprocess.PIPE, stdout=out, stderr=said)
            assert packer.stdin
            tail = b""
            try:
                while block := source.stdout.read(1 << 20):
                    packer.stdin.write(block)
                    tail = (tail + block)[-200:]
            except BrokenPipeError:
                source.kill()
            finally:
                with suppress(BrokenPipeError):
                    packer.stdin.close()
                source.stdout.close()
            statuses = source.wait(), packer.wait()
            if statuses != (0, 0) or END not in tail:
                _refuse(f"the dump of {name} failed", said)
            os.fsync(out.fileno())
        after = counts(database, name)
        dump = Dump(
            final.name,
            name,
            stamp,
            Path(temporary).stat().st_size,
            round(time.monotonic() - begun, 1),
            {table: (min(before.get(table, 0), count), max(before.get(table, 0), count)) for table, count in after.items()},
            taken,
        )
        disk.replace(sheet(final), json.dumps(asdict(dump)).encode(), 0o600)
        Path(temporary).replace(final)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    disk.sync(directory)
    return dump


def _refuse(what: str, said: IO[bytes]) -> NoReturn:
    said.seek(0)
    raise QuarantineError(f"{what}: {said.read(2000).decode(errors='replace').strip() or 'it is not complete'}")


def sheet(path: Path) -> Path:
    """Return the file beside a dump that says what is in it."""
    return path.with_name(path.name.removesuffix(".sql.zst") + ".json")


def read(said: dict[str, Any]) -> Dump:
    """Return the dump that a sheet speaks of. Raises ValueError, TypeError or KeyError for what is no sheet."""
    return Dump(**{**said, "counts": {table: (int(least), int(most)) for table, (least, most) in said["counts"].items()}})


def listed(settings: Admin) -> list[Dump]:
    """Return the dumps that are there, newest first."""
    found = []
    for path in Path(settings.dumps).glob("*.sql.zst"):
        try:
            found.append(read(json.loads(sheet(path).read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return sorted(found, key=lambda one: one.at, reverse=True)


def thin(settings: Admin, name: str) -> list[str]:
    """Remove all but the newest dumps of a database, and what a dump that was killed has left; return the names removed."""
    directory = Path(settings.dumps)
    old = [one.file for one in listed(settings) if one.database == name][settings.dumps_kept :]
    for file in old:
        (directory / file).unlink()
        sheet(directory / file).unlink(missing_ok=True)
    for left in directory.glob(f".{name}-*.new"):
        left.unlink()
        old.append(left.name)
    return old


def newest(settings: Admin, name: str) -> Dump:
    """Return the newest dump of a database. Raises QuarantineError when there is none."""
    for one in listed(settings):
        if one.database == name:
            return one
    raise QuarantineError(f"there is no dump of {name} in {settings.dumps}")


def restore(database: Database, settings: Admin, dump: Dump, into: str, user: str) -> None:
    """Restore a dump into a database, whose tables must not be there yet. Raises QuarantineError."""
    if not re.fullmatch(r"\w+", into):
        raise UsageError("the name of a database has letters, digits and underscores")
    if not database.value("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s", (into,)):
        database.run(f"CREATE DATABASE `{into}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    if table := database.value("SELECT table_name FROM information_schema.tables WHERE table_schema = %s LIMIT 1", (into,)):
        raise QuarantineError(f"database {into} is not empty (it has a table {table}): nothing was restored")
    # While it is filled, a table may take twice what it takes in the end.
    _room(Path(str(database.value("SELECT @@datadir"))), 2 * dump.space, f"restoring {dump.file}")
    path = Path(settings.dumps) / dump.file
    with tempfile.TemporaryFile() as said:
        unpacker = subprocess.Popen(["zstd", "-q", "-d", "-c", path], stdout=subprocess.PIPE, stderr=said)
        client = ["mariadb", "--no-defaults", "--skip-ssl", "--batch", f"--user={user}", f"--socket={settings.socket}", into]
        loader = subprocess.run(client, stdin=unpacker.stdout, stdout=subprocess.DEVNULL, stderr=said, check=False)
        assert unpacker.stdout
        unpacker.stdout.close()
        if unpacker.wait() or loader.returncode:
            _refuse(f"{dump.file} could not be restored", said)


def check(database: Database, settings: Admin, dump: Dump, user: str, say: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Restore a dump into the scratch database, compare the number of rows of each table, and empty the scratch database again.

    Raises QuarantineError naming the tables that differ.
    """
    empty(database, settings.scratch)
    try:
        restore(database, settings, dump, settings.scratch, user)
        found = counts(database, settings.scratch)
        wrong = [
            f"{table}: {found.get(table, 'missing')}, not {least}" + (f" to {most}" if most > least else "")
            for table, (least, most) in dump.counts.items()
            if not least <= found.get(table, -1) <= most
        ]
        if wrong:
            raise QuarantineError(f"{dump.file} was restored and differs: {'; '.join(wrong)}")
        say(f"{dump.file}: {sum(found.values())} rows in {len(found)} tables restored, as many as there were")
        return found
    finally:
        empty(database, settings.scratch)


def empty(database: Database, name: str) -> None:
    """Remove all tables of a database."""
    for (table,) in database.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (name,)):
        database.run(f"DROP TABLE `{name}`.`{table}`")
