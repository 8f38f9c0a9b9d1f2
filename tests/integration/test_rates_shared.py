"""Counts that machines share, against a real MariaDB: exactly at the number, whoever comes when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pymysql
import pytest

from services.rates.rates.counting import Counter
from services.rates.rates.limits import NONE, Count, Holder, Numbers, Verdict
from services.rates.rates.local import Local
from services.rates.rates.settings import Database
from services.rates.rates.shared import AwayError, Shared
from tests.private_mariadb import PASSWORDS, PrivateMariadb

WINDOW = 3600.0
TEN = Numbers(5, 10)


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as running:
        running.set_up()
        yield running


@pytest.fixture
def settings(server: PrivateMariadb) -> Database:
    with server.root("quarantine") as database:
        database.run("DELETE FROM rate_use")
        database.run("DELETE FROM rate_holder")
    return Database(host="localhost", port=server.port, password=PASSWORDS["rates"], ca=str(server.ca))


def machine(settings: Database) -> Shared:
    return Shared(settings, WINDOW, 3)


def al() -> Holder:
    return Holder("person", "al")


def shift(server: PrivateMariadb, seconds: float) -> None:
    """Let time pass."""
    with server.root("quarantine") as database:
        database.run("UPDATE rate_use SET at = at - INTERVAL %s SECOND", (seconds,))
        for column in ("seen_at", "soft_at", "hard_at"):
            database.run(f"UPDATE rate_holder SET {column} = {column} - INTERVAL %s SECOND", (seconds,))  # noqa: S608  words of this file


def test_two_machines_stop_somebody_exactly_at_the_number(server: PrivateMariadb, settings: Database) -> None:
    one, two = machine(settings), machine(settings)
    assert one.count(al(), 5, TEN) == Count(Verdict.PASS, 5)
    assert two.count(al(), 1, TEN) == Count(Verdict.PASS, 6, tell_soft=True)
    assert one.count(al(), 4, TEN) == Count(Verdict.PASS, 10)
    assert two.count(al(), 1, TEN) == Count(Verdict.HOLD, 10, tell_hard=True)
    assert one.count(al(), 1, TEN) == Count(Verdict.HOLD, 10)
    assert one.count(Holder("device", "al"), 10, TEN).verdict is Verdict.PASS
    assert two.used(al()) == (10, 2)
    shift(server, WINDOW / 2)
    assert one.count(al(), 1, TEN) == Count(Verdict.HOLD, 10)
    assert one.count(al(), 1, TEN) == Count(Verdict.LATER, 10)
    shift(server, WINDOW / 2 + 1)
    assert one.used(al()) == (0, 1)
    assert one.count(al(), 10, TEN) == Count(Verdict.PASS, 10, tell_soft=True)


def test_of_many_at_once_no_more_than_the_number_pass(settings: Database) -> None:
    verdicts: list[Count] = []

    def send() -> None:
        shared = machine(settings)
        verdicts.extend(shared.count(al(), 1, Numbers(3, 25)) for _ in range(10))
        shared.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.verdict for one in verdicts].count(Verdict.PASS) == 25
    assert sum(one.tell_soft for one in verdicts) == 1
    assert sum(one.tell_hard for one in verdicts) == 1


def test_a_number_that_nobody_reaches(settings: Database) -> None:
    assert machine(settings).count(al(), 10**9, Numbers(NONE, NONE)).verdict is Verdict.PASS


def test_what_was_counted_alone_comes_later(settings: Database) -> None:
    shared = machine(settings)
    now = time.monotonic()
    shared.catch_up([(al(), 4, False, now - 60), (al(), 9, False, now - WINDOW - 1), (Holder("device", "x"), 2, True, now)])
    assert shared.used(al()) == (4, 0)
    assert set(shared.all()) == {(al(), 4, 0), (Holder("device", "x"), 0, 1)}


def test_what_counts_no_longer_is_removed(server: PrivateMariadb, settings: Database) -> None:
    shared = machine(settings)
    shared.count(al(), 6, TEN)
    assert shared.purge() == 0
    shift(server, 2 * WINDOW + 1)
    shared.count(Holder("person", "bo"), 1, TEN)
    assert shared.purge() == 2
    assert shared.all() == [(Holder("person", "bo"), 1, 0)]


def test_the_account_does_nothing_else(server: PrivateMariadb, settings: Database) -> None:
    with server.account("rates") as database:
        tables = {table for (table,) in database.rows("SHOW TABLES")}
    assert tables == {"rate_holder", "rate_use"}
    assert settings.user == "rates"


@pytest.mark.parametrize("change", [{"password": "a wrong password"}, {"port": 9}, {"host": "127.0.0.1"}, {"name": "mysql"}])
def test_a_database_that_cannot_be_used_is_away(settings: Database, change: dict[str, object]) -> None:
    """Nobody's certificate, no password in the message."""
    shared = machine(replace(settings, **change))  # type: ignore[arg-type]
    with pytest.raises(AwayError) as caught:
        shared.count(al(), 1, TEN)
    assert "password" not in str(caught.value).lower().replace("using password: yes", "")


def test_a_connection_that_the_server_closed_is_made_anew(server: PrivateMariadb, settings: Database) -> None:
    shared = machine(settings)
    shared.count(al(), 1, TEN)
    with server.root() as database:
        for (number,) in database.rows("SELECT id FROM information_schema.processlist WHERE user = 'rates'"):
            database.run("KILL %s", (number,))
    assert shared.count(al(), 1, TEN) == Count(Verdict.PASS, 2)


def test_a_letter_whose_counting_was_not_answered_is_not_counted_again(settings: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = machine(settings)
    counter = Counter(Local(WINDOW, 3), lambda: shared)
    assert counter.count(al(), 3, TEN) == Count(Verdict.PASS, 3)
    commit = pymysql.connections.Connection.commit

    def lost(connection: Any) -> None:
        commit(connection)
        connection._force_close()
        raise pymysql.OperationalError(2013, "Lost connection to MySQL server during query")

    with monkeypatch.context() as patch:
        patch.setattr(pymysql.connections.Connection, "commit", lost)
        assert counter.count(al(), 6, TEN).verdict is Verdict.PASS
    counter.upkeep(purge=False)
    assert counter.status()["state"] == "shared"
    assert counter.used(al()) == (9, 0)


def test_an_outage_stops_nobody(settings: Database) -> None:
    reachable = settings
    counter = Counter(Local(WINDOW, 3), lambda: machine(replace(reachable, port=9)))
    begun = time.monotonic()
    assert [counter.count(al(), 5, TEN).verdict for _ in range(3)] == [Verdict.PASS, Verdict.PASS, Verdict.HOLD]
    assert time.monotonic() - begun < 5
    assert counter.status()["state"] == "away"


def test_a_database_without_tls_is_not_asked() -> None:
    with PrivateMariadb("--skip-ssl", "--skip-require-secure-transport") as server:
        with server.root() as database:
            database.run("CREATE USER 'rates'@'127.0.0.1' IDENTIFIED BY 'a password in the clear'")
        careless = Database(host="localhost", port=server.port, name="mysql", password="a password in the clear", ca=str(server.ca))
        with pytest.raises(AwayError, match=r"offers no TLS|SSL"):
            machine(careless).used(al())
