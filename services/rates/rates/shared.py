"""Counts that all machines share, in the quarantine's database.

One row a holder is the lock that letters of the same holder wait for, also on different machines; times are the database's.
"""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import pymysql
from posthouse import mariadb

from .limits import Count, Holder, Numbers, Verdict, counted
from .settings import Database

T = TypeVar("T")
_log = logging.getLogger(__name__)

#: Deadlock and lock wait timeout: the transaction is undone and may be tried again.
_AGAIN = {1205, 1213}
#: A transaction sees what others have committed until now, and locks no gaps.
_SESSION = "SET SESSION time_zone = '+00:00', tx_isolation = 'READ-COMMITTED', innodb_lock_wait_timeout = 2"
_LARGEST, _TRIES = 1000, 3
#: Holder, recipients, whether the letter was kept, and when, on the clock of Python's time.monotonic().
Late = tuple[Holder, int, bool, float]


class AwayError(Exception):
    """The database cannot be asked now; the message says why, without secrets."""


class UncertainError(AwayError):
    """The same, and nobody knows whether what was asked for has been done: the answer was lost."""


class Shared:
    """One connection, made when it is needed. Not safe for threads: who uses it holds a lock."""

    def __init__(self, settings: Database, window: float, most_waiting: int) -> None:
        self._settings, self._window, self._most_waiting = settings, window, most_waiting
        self._connection: Any = None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None and self._connection.open:
            self._connection.close()
        self._connection = None

    def count(self, holder: Holder, recipients: int, numbers: Numbers) -> Count:
        """Judge a letter and remember it. Raises AwayError; then nothing is remembered, unless it is UncertainError."""
        return self._transaction(lambda cursor: self._count(cursor, holder, recipients, numbers))

    def catch_up(self, late: Sequence[Late]) -> None:
        """Remember some letters that were judged while the database was away, all of them or none. Raises AwayError, UncertainError."""
        # In one order, so that two machines that come back do not wait for each other in a circle.
        self._transaction(partial(self._catch_up, sorted(late, key=lambda one: (one[0].kind, one[0].name, one[3]))))

    def used(self, holder: Holder) -> tuple[int, int]:
        """Return recipients and kept letters within the window. Raises AwayError."""
        found = self._transaction(lambda cursor: self._rows(cursor, "h.kind = %s AND h.name = %s", (holder.kind, holder.name)))
        return found[0][1:] if found else (0, 0)

    def all(self) -> list[tuple[Holder, int, int]]:
        """Return everybody who did anything within the window, with recipients and kept letters. Raises AwayError."""
        return self._transaction(lambda cursor: self._rows(cursor, "TRUE", ()))

    def purge(self) -> int:
        """Remove what is older than twice the window, in small steps; return how much. Raises AwayError."""
        total = 0
        for table, column in (("rate_use", "at"), ("rate_holder", "seen_at")):
            statement = f"DELETE FROM {table} WHERE {column} < NOW(3) - INTERVAL %s SECOND LIMIT {_LARGEST}"
            removed = _LARGEST
            while removed == _LARGEST:
                removed = self._transaction(partial(self._run, statement, (2 * self._window,)))
                total += removed
        return total

    # --- Statements -------------------------------------------------------------------------------------------------------------

    def _count(self, cursor: Any, holder: Holder, recipients: int, numbers: Numbers) -> Count:
        number, *told = self._locked(cursor, holder)
        cursor.execute(
            "SELECT COALESCE(SUM(IF(kept, 0, recipients)), 0), COALESCE(SUM(kept), 0) FROM rate_use"
            " WHERE holder = %s AND at > NOW(3) - INTERVAL %s SECOND",
            (number, self._window),
        )
        used, waiting = (int(one) for one in cursor.fetchone())
        count = counted(used, waiting, recipients, numbers, self._most_waiting, (bool(told[0]), bool(told[1])))
        if count.verdict is not Verdict.LATER:
            cursor.execute(
                "INSERT INTO rate_use (holder, at, recipients, kept) VALUES (%s, NOW(3), %s, %s)",
                (number, recipients, count.verdict is Verdict.HOLD),
            )
        for column, tell in (("soft_at", count.tell_soft), ("hard_at", count.tell_hard)):
            if tell:
                cursor.execute(f"UPDATE rate_holder SET {column} = NOW(3) WHERE id = %s", (number,))
        return count

    def _catch_up(self, late: Sequence[Late], cursor: Any) -> None:
        now = time.monotonic()
        for holder, recipients, kept, at in late:
            number, *_ = self._locked(cursor, holder)
            cursor.execute(
                "INSERT INTO rate_use (holder, at, recipients, kept) VALUES (%s, NOW(3) - INTERVAL %s SECOND, %s, %s)",
                (number, round(now - at, 3), recipients, kept),
            )

    def _run(self, statement: str, values: tuple[Any, ...], cursor: Any) -> int:
        return int(cursor.execute(statement, values))

    def _locked(self, cursor: Any, holder: Holder) -> tuple[int, int, int]:
        """Return the number of a holder, whose row is this transaction's from now on, and whether it was told within the window."""
        cursor.execute(
            "INSERT INTO rate_holder (kind, name, seen_at) VALUES (%s, %s, NOW(3)) ON DUPLICATE KEY UPDATE seen_at = NOW(3)",
            (holder.kind, holder.name),
        )
        cursor.execute(
            "SELECT id, COALESCE(soft_at > NOW(3) - INTERVAL %s SECOND, 0), COALESCE(hard_at > NOW(3) - INTERVAL %s SECOND, 0)"
            " FROM rate_holder WHERE kind = %s AND name = %s FOR UPDATE",
            (self._window, self._window, holder.kind, holder.name),
        )
        number, soft, hard = cursor.fetchone()
        return int(number), int(soft), int(hard)

    def _rows(self, cursor: Any, condition: str, values: tuple[str, ...]) -> list[tuple[Holder, int, int]]:
        cursor.execute(
            "SELECT h.kind, h.name, SUM(IF(u.kept, 0, u.recipients)), SUM(u.kept) FROM rate_holder h JOIN rate_use u ON u.holder = h.id"
            f" WHERE {condition} AND u.at > NOW(3) - INTERVAL %s SECOND GROUP BY h.id",
            (*values, self._window),
        )
        return [(Holder(kind, name), int(used), int(kept)) for kind, name, used, kept in cursor.fetchall()]

    # --- The connection ---------------------------------------------------------------------------------------------------------

    def _transaction(self, work: Callable[[Any], T]) -> T:
        """Do some work in a transaction of its own. What is cut off by a server that was restarted meanwhile is tried once more."""
        for tries in range(_TRIES):
            fresh = self._connection is None
            try:
                return self._once(work)
            except pymysql.MySQLError as fault:
                number = fault.args[0] if fault.args else 0
                if number not in _AGAIN:
                    self.close()
                    _log.info("the connection to %s is made anew: %s", self._settings.host, fault)
                if (number not in _AGAIN and fresh) or tries == _TRIES - 1:
                    said = fault.args[1] if len(fault.args) > 1 else type(fault).__name__
                    raise AwayError(f"{self._settings.host}: {said}") from fault
            except UncertainError:
                self.close()
                raise
            except OSError as fault:
                self.close()
                raise AwayError(f"{self._settings.host}: {fault}") from fault
        raise AssertionError("the last try returns or raises")

    def _once(self, work: Callable[[Any], T]) -> T:
        if self._connection is None:
            self._connection = connected(self._settings)
        with self._connection.cursor() as cursor:
            try:
                self._connection.begin()
                done = work(cursor)
                self._commit()
            except BaseException:
                if self._connection.open:
                    with suppress(pymysql.MySQLError, OSError):
                        self._connection.rollback()
                raise
        return done

    def _commit(self) -> None:
        """Done a second time, the same work would count a letter twice, and stop somebody who is within the limit."""
        try:
            self._connection.commit()
        except (pymysql.MySQLError, OSError) as fault:
            if isinstance(fault, pymysql.MySQLError) and fault.args and fault.args[0] in _AGAIN:
                raise
            raise UncertainError(f"{self._settings.host}: no answer to a COMMIT: {fault}") from fault


def connected(settings: Database) -> Any:
    """Connect over TLS. Raises pymysql.MySQLError or OSError."""
    return mariadb.over_tls(
        settings.host,
        settings.ca,
        port=settings.port,
        user=settings.user,
        password=settings.password,
        database=settings.name,
        autocommit=False,
        init_command=_SESSION,
        # Somebody waits for each answer: a machine that vanished is not waited for.
        connect_timeout=settings.patience,
        read_timeout=settings.patience,
        write_timeout=settings.patience,
    )
