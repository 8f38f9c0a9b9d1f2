"""A connection to the database, and what every use of it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import pymysql
from posthouse import mariadb
from pymysql.cursors import SSCursor

from .errors import AwayError, BusyError, QuarantineError
from .settings import Review

Row = tuple[Any, ...]
#: Errors of the client library that mean: nobody answers, or the line was cut (CR_*, and ER_SERVER_SHUTDOWN, ER_CON_COUNT_ERROR).
_AWAY = {2002, 2003, 2006, 2013, 1053, 1040}
#: Access denied, in its kinds.
_DENIED = {1044, 1045, 1142, 1143, 1227, 1698}
#: Times are UTC everywhere, whatever the machine's clock shows.
_UTC = "SET time_zone = '+00:00'"


class Database:
    """One connection. Statements outside of transaction() are transactions of their own."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def close(self) -> None:
        """Close the connection; named locks go with it."""
        if self._connection.open:
            self._connection.close()

    def __enter__(self) -> Self:
        """Use it as a context, to close it at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; return how many rows it changed. For UPDATE: rows that really became different."""
        with told(), self._connection.cursor() as cursor:
            return int(cursor.execute(statement, tuple(values)))

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for many rows."""
        with told(), self._connection.cursor() as cursor:
            cursor.executemany(statement, rows)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        with told(), self._connection.cursor() as cursor:
            cursor.execute(statement, tuple(values))
            return list(cursor.fetchall())

    def row(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        """Return the first row of a query."""
        found = self.rows(statement, values)
        return found[0] if found else None

    def value(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, or None."""
        found = self.row(statement, values)
        return found[0] if found else None

    def stream(self, statement: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield rows as they come, for results that need not fit into memory. Nothing else may run until it is exhausted or closed."""
        with told(), self._connection.cursor(SSCursor) as cursor:
            cursor.execute(statement, tuple(values))
            yield from cursor

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or undo everything when an exception leaves it."""
        with told():
            self._connection.begin()
        try:
            yield
        except BaseException:
            if self._connection.open:
                with told():
                    self._connection.rollback()
            raise
        with told():
            self._connection.commit()

    @contextmanager
    def lock(self, name: str, wait: float = 0, refusal: str = "") -> Iterator[None]:
        """Hold a lock that all connections to the server share (at most 64 characters). Raises BusyError when another one has it."""
        if self.value("SELECT GET_LOCK(%s, %s)", (name, wait)) != 1:
            raise BusyError(refusal or f"another process holds the lock {name}")
        try:
            yield
        finally:
            if self._connection.open:
                self.value("SELECT RELEASE_LOCK(%s)", (name,))


@contextmanager
def told() -> Iterator[None]:
    """Turn the library's errors into ours: never with a statement or its values in the message, as they may hold secrets."""
    try:
        yield
    except pymysql.MySQLError as fault:
        number = fault.args[0] if fault.args and isinstance(fault.args[0], int) else 0
        said = str(fault.args[1]) if len(fault.args) > 1 else type(fault).__name__
        if number in _AWAY or isinstance(fault, pymysql.InterfaceError):
            raise AwayError(f"the database does not answer: {said}") from fault
        if number in _DENIED:
            raise QuarantineError(f"the database refuses: {said}") from fault
        raise QuarantineError(f"the database says: {said} ({number})") from fault


def over_tls(settings: Review) -> Database:
    """Connect to the quarantine machine. Raises AwayError."""
    try:
        with told():
            connection = mariadb.over_tls(
                settings.host,
                settings.ca,
                port=settings.port,
                user=settings.user,
                password=settings.password,
                database=settings.database,
                autocommit=True,
                init_command=_UTC,
                connect_timeout=10,
                # A machine that vanishes is not waited for without end.
                read_timeout=120,
                write_timeout=120,
            )
    except OSError as fault:
        raise AwayError(f"the database does not answer: {fault}") from fault
    return Database(connection)


def by_socket(socket: str, user: str, database: str | None = None) -> Database:
    """Connect on the machine itself, where the server believes the kernel about who asks. Raises AwayError."""
    with told():
        connection = pymysql.connect(
            unix_socket=socket, user=user, database=database, charset="utf8mb4", autocommit=True, init_command=_UTC, connect_timeout=10
        )
    return Database(connection)


def marks(values: Sequence[Any]) -> str:
    """Return as many placeholders as there are values, for IN (...)."""
    return ", ".join(["%s"] * len(values))
