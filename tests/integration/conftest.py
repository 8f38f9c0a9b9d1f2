"""What tests of the quarantine's database share: one server for all of them, with an empty quarantine for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.quarantine.quarantine.database import Database
from tests.private_mariadb import PrivateMariadb


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateMariadb]:
    """A MariaDB with databases, tables and accounts."""
    with PrivateMariadb() as running:
        running.set_up()
        yield running


@pytest.fixture
def clean(server: PrivateMariadb) -> PrivateMariadb:
    """The server, with nothing in the quarantine."""
    with server.root("quarantine") as database:
        for table in ("msgs", "msgrcpt", "quarantine", "maddr", "audit", "learn", "disposal", "purged", "job"):
            database.run(f"DELETE FROM {table}")  # noqa: S608  of these nine tables; faster than TRUNCATE while they are small
    return server


@pytest.fixture
def root(clean: PrivateMariadb) -> Iterator[Database]:
    """A connection with all rights."""
    with clean.root("quarantine") as database:
        yield database


@pytest.fixture
def filing(clean: PrivateMariadb) -> Iterator[Database]:
    """A connection as the filter has it."""
    with clean.account("content_filter") as database:
        yield database


@pytest.fixture
def reviewing(clean: PrivateMariadb) -> Iterator[Database]:
    """A connection as the review command has it."""
    with clean.account("review") as database:
        yield database
