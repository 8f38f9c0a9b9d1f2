"""A mistake in a configuration is named, a password is not."""

from pathlib import Path
from typing import Any

import pytest

from services.quarantine.quarantine import accounts, admin, migrate
from services.quarantine.quarantine.errors import QuarantineError, UsageError
from services.quarantine.quarantine.settings import Admin, Review, days_of, load, parse

REVIEW = {"host": "db1.madstop.test", "password": "very-secret-word", "ca": "/ca.pem"}


def test_defaults() -> None:
    assert parse(REVIEW, Review).learn_command == ["/usr/bin/sa-learn"]
    settings = parse({"days": {"virus": 7}}, Admin)
    assert [days_of(settings, name) for name in ("virus", "spam", "clean")] == [7, 30, 5]
    assert "very-secret-word" not in repr(parse(REVIEW, Review))


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (Review, {"pasword": "x"}, "unknown setting pasword"),
        (Review, {"host": None}, "host is missing"),
        (Review, {"password": 7}, "password is not what it should be"),
        (Review, {"port": True}, "port is not"),
        (Review, {"learn_command": []}, "learn_command has"),
        (Admin, {"days": {"spm": 3}}, "no class spm"),
        (Admin, {"megabytes": {"spam": -3}}, "megabytes is not"),
        (Admin, {"days": {"spam": "long"}}, "days is not"),
        (Admin, {"dumps_kept": 0}, "above 0"),
        (Admin, {"days": {"spam": 0}}, r"days\.spam is at least 1"),
        (Admin, {"days_audit": 0}, "days_audit is at least 1"),
    ],
)
def test_mistakes(kind: type[Any], change: dict[str, Any], said: str) -> None:
    given = {name: value for name, value in {**(REVIEW if kind is Review else {}), **change}.items() if value is not None}
    with pytest.raises(UsageError, match=said) as fault:
        parse(given, kind)
    assert "very-secret-word" not in str(fault.value)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "quarantine.toml"
    file.write_text('host = "db1"\npassword = "x"\nca = "/ca.pem"\n')
    assert load(file, Review).host == "db1"
    file.write_text("host = ")
    with pytest.raises(UsageError, match=r"quarantine\.toml"):
        load(file, Review)
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "none", Review)


@pytest.mark.parametrize(
    "given",
    [
        {"root": {"hosts": ["192.0.2.1"], "password": "long-enough-word"}},
        {"review": {"hosts": ["%"], "password": "long-enough-word"}},
        {"review": {"hosts": ["mx1"], "password": "long-enough-word"}},
        {"review": {"hosts": ["192.0.2.1"], "password": "short"}},
        {"review": {"hosts": ["192.0.2.1"]}},
    ],
)
def test_accounts_that_are_none(given: dict[str, Any]) -> None:
    with pytest.raises(QuarantineError) as fault:
        accounts.read(given)
    assert "long-enough-word" not in str(fault.value)


def test_rights_are_compared_whatever_their_order() -> None:
    assert accounts._order("UPDATE (b, a), SELECT") == accounts._order("SELECT, UPDATE (`a`, `b`)") == "SELECT, UPDATE (`a`, `b`)"


def test_migrations_are_numbered(tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text(
        "-- database: antispam\n-- why; not\nCREATE TABLE a (b int);\n\nINSERT IGNORE INTO a\nVALUES (1);\n"
    )
    (one,) = migrate.read(tmp_path)
    assert (one.number, one.database, len(one.statements)) == (1, "antispam", 2)
    (tmp_path / "0003_third.sql").write_text("SELECT 1;\n")
    with pytest.raises(UsageError, match="0003_third comes where 2 should be"):
        migrate.read(tmp_path)


def test_our_migrations_do_nothing_the_second_time() -> None:
    for one in migrate.read():
        for statement in one.statements:
            assert statement.startswith(("CREATE TABLE IF NOT EXISTS", "INSERT IGNORE")) or " IF NOT EXISTS " in statement, statement[:60]


def test_the_maintenance_command_checks_its_files_without_a_database(tmp_path: Path, capsys: Any) -> None:
    config, file = tmp_path / "admin.toml", tmp_path / "accounts.toml"
    config.write_text("[days]\nspam = 3\n")
    file.write_text('[review]\nhosts = ["192.0.2.1"]\npassword = "very-secret-word"\n')
    words = ["--config", str(config), "check", "--accounts", str(file)]
    assert admin.main(words) == 0
    file.write_text('[review]\nhosts = ["192.0.2.1"]\npassword = "very-secret-word\n')
    assert admin.main(words) == 2
    config.write_text("[days]\nspm = 3\n")
    assert admin.main(words) == 2
    said = capsys.readouterr().err
    assert "no class spm" in said
    assert "very-secret-word" not in said
