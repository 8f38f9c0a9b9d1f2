"""Tables and accounts of the quarantine, on a real MariaDB."""

from __future__ import annotations

import dataclasses
import threading

import pymysql
import pytest

from services.quarantine.quarantine import accounts, migrate
from services.quarantine.quarantine.database import Database
from services.quarantine.quarantine.errors import AwayError, QuarantineError
from tests.private_mariadb import PASSWORDS, PrivateMariadb
from tests.quarantine_letters import file


def test_a_second_set_up_changes_nothing(server: PrivateMariadb) -> None:
    assert server.set_up() == []


def test_migrations_at_once_are_applied_once(server: PrivateMariadb) -> None:
    settings = dataclasses.replace(server.admin(), database="twice", antispam="twice_antispam", scratch="twice_restored")
    with server.root() as database:
        accounts.make_databases(database, settings)
    done: list[str] = []
    faults: list[BaseException] = []

    def apply() -> None:
        try:
            with server.root() as database:
                done.extend(one.name for one in migrate.migrate(database, settings))
        except BaseException as fault:  # noqa: BLE001  whatever it is, the test shall see it
            faults.append(fault)

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert sorted(done) == [one.name for one in migrate.read()]


def test_a_migration_that_was_cut_off_is_finished(server: PrivateMariadb) -> None:
    settings = dataclasses.replace(server.admin(), database="cut", antispam="cut_antispam", scratch="cut_restored")
    with server.root() as database:
        accounts.make_databases(database, settings)
        list(migrate.migrate(database, settings))
        database.run("DELETE FROM cut.migration WHERE number > 1")
        database.run("DROP TABLE cut.learn")
        assert migrate.pending(database) == [one.name for one in migrate.read()[1:]]
        assert [one.number for one in migrate.migrate(database, settings)] == [one.number for one in migrate.read()[1:]]
        assert database.value("SELECT COUNT(*) FROM cut.learn") == 0


def test_a_migration_that_reads_differently_is_refused(server: PrivateMariadb) -> None:
    changed = [dataclasses.replace(one, digest="0" * 64) if one.number == 1 else one for one in migrate.read()]
    with server.root() as database:
        with pytest.raises(QuarantineError, match="has been changed"):
            list(migrate.migrate(database, server.admin(), changed))
        with pytest.raises(QuarantineError, match="too old"):
            list(migrate.migrate(database, server.admin(), migrate.read()[:1]))


DENIED = [
    ("content_filter", "DELETE FROM msgs"),
    ("content_filter", "DELETE FROM quarantine"),
    ("content_filter", "UPDATE msgs SET secret_id = 'x'"),
    ("content_filter", "UPDATE msgrcpt SET rs = 'R'"),
    ("content_filter", "INSERT INTO policy (policy_name) VALUES ('x')"),
    ("content_filter", "UPDATE users SET policy_id = 1"),
    ("content_filter", "SELECT * FROM audit"),
    ("content_filter", "SELECT * FROM antispam.txrep"),
    ("content_filter", "CREATE TABLE mine (id int)"),
    ("content_filter", "SELECT * FROM mysql.user"),
    ("review", "UPDATE audit SET actor = 'nobody'"),
    ("review", "DELETE FROM audit"),
    ("review", "DELETE FROM quarantine"),
    ("review", "UPDATE msgrcpt SET rid = 1"),
    ("review", "UPDATE msgs SET subject = 'x'"),
    ("review", "SELECT * FROM users"),
    ("review", "SELECT * FROM antispam.bayes_token"),
    ("antispam", "SELECT * FROM quarantine.msgs"),
    ("antispam", "DROP TABLE antispam.bayes_seen"),
]


@pytest.mark.parametrize(("name", "statement"), DENIED)
def test_an_account_may_not_do_more_than_it_needs(clean: PrivateMariadb, name: str, statement: str) -> None:
    database = "antispam" if name == "antispam" else "quarantine"
    with clean.account(name, database) as connection, pytest.raises(QuarantineError, match="refuses"):
        connection.rows(statement)


def test_the_filter_can_do_what_amavis_does(filing: Database) -> None:
    file(filing)
    file(filing, subject="snow ☃ and letters beyond the first plane 🂡")
    with pytest.raises(QuarantineError):
        # What does not fit is refused, never cut short.
        filing.run("INSERT INTO maddr (partition_tag, email, domain) VALUES (1, %s, '')", (b"x" * 256,))


def test_without_tls_nobody_gets_in(server: PrivateMariadb) -> None:
    with pytest.raises(pymysql.MySQLError):
        pymysql.connect(host="127.0.0.1", port=server.port, user="review", password=PASSWORDS["review"], ssl_disabled=True)
    with server.root() as database:
        assert {row[0] for row in database.rows("SELECT ssl_type FROM mysql.user WHERE Host <> 'localhost'")} == {"ANY"}
        assert database.rows("SELECT User FROM mysql.user WHERE User = ''") == []
        assert not database.value("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'test'")


def test_a_server_without_our_certificate_is_asked_nothing(server: PrivateMariadb) -> None:
    with PrivateMariadb() as other, pytest.raises(AwayError, match="certificate"):
        server.account("review", ca=str(other.ca))


def test_a_changed_password_and_a_changed_host_take_effect(server: PrivateMariadb) -> None:
    settings = server.admin()
    wanted = [accounts.Account(name, ("127.0.0.1",), password) for name, password in PASSWORDS.items()]
    changed = [
        dataclasses.replace(one, password="another-password", hosts=("127.0.0.1", "192.0.2.9")) if one.name == "review" else one
        for one in wanted
    ]
    with server.root() as database:
        try:
            said = accounts.apply(database, settings, changed)
            assert "account review@127.0.0.1 has another password" in said
            assert not any("another-password" in line for line in said)
            with pytest.raises(QuarantineError, match="refuses"):
                server.account("review")
            server.account("review", password="another-password").close()
        finally:
            said = accounts.apply(database, settings, wanted)
        assert "account review@192.0.2.9 removed" in said
        assert accounts.apply(database, settings, wanted) == []
    server.account("review").close()


def test_rights_that_somebody_added_by_hand_go(server: PrivateMariadb) -> None:
    with server.root() as database:
        database.run("GRANT DELETE ON quarantine.audit TO review@'127.0.0.1'")
    assert server.set_up() == ["account review@127.0.0.1 has other rights"]
    with server.account("review") as database, pytest.raises(QuarantineError):
        database.run("DELETE FROM audit")
