"""Dumps are carried elsewhere and back, and take the place of the databases in one step, on a real MariaDB."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.quarantine.quarantine import carrying, dump, replacing
from services.quarantine.quarantine.database import Database
from services.quarantine.quarantine.dump import Dump
from services.quarantine.quarantine.errors import QuarantineError
from services.quarantine.quarantine.settings import Admin
from tests.private_mariadb import PrivateMariadb
from tests.quarantine_letters import file

NAMES = ("quarantine", "antispam")


@pytest.fixture
def settings(clean: PrivateMariadb, root: Database, tmp_path: Path) -> Iterator[Admin]:
    folder = tmp_path / "dumps"
    folder.mkdir()
    yield Admin(socket=str(clean.home / "sock"), dumps=str(folder))
    for name in NAMES:
        for suffix in ("_arriving", "_before"):
            root.run(f"DROP DATABASE IF EXISTS {name}{suffix}")


@pytest.fixture
def dumps(clean: PrivateMariadb, filing: Database, root: Database, settings: Admin) -> list[Dump]:
    """Dumps with one letter; the next letters are newer."""
    file(filing)
    made = [dump.make(root, settings, name, clean.user) for name in NAMES]
    root.run("UPDATE quarantine.msgs SET time_num = time_num - 1000")
    return made


def carried(settings: Admin) -> bytes:
    out = io.BytesIO()
    carrying.export(settings, out)
    return out.getvalue()


def letters(root: Database, name: str = "quarantine") -> int:
    return int(root.value(f"SELECT COUNT(*) FROM {name}.msgs"))  # noqa: S608  names of this file


def test_dumps_are_carried_elsewhere_and_are_whole_there(settings: Admin, dumps: list[Dump], tmp_path: Path) -> None:
    tar = carried(settings)
    there = Admin(socket=settings.socket, dumps=str(tmp_path / "there"))
    Path(there.dumps).mkdir()
    assert {one.file for one in carrying.bring(there, io.BytesIO(tar), check=True)} == {one.file for one in dumps}
    assert dump.listed(there) == []
    carrying.bring(there, io.BytesIO(tar))
    assert {one.file for one in dump.listed(there)} == {one.file for one in dumps}
    carrying.bring(there, io.BytesIO(tar))
    assert len(list(Path(there.dumps).iterdir())) == 4


# A tar ends in zeroes, of which it may lose some.
@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.6])
def test_half_a_tar_brings_nothing(settings: Admin, dumps: list[Dump], tmp_path: Path, share: float) -> None:
    tar = carried(settings)
    assert len(dumps) == 2
    there = Admin(socket=settings.socket, dumps=str(tmp_path / "there"))
    Path(there.dumps).mkdir()
    with pytest.raises(QuarantineError, match="whole"):
        carrying.bring(there, io.BytesIO(tar[: int(len(tar) * share)]))
    assert list(Path(there.dumps).iterdir()) == []


def test_a_dump_whose_last_words_are_missing_brings_nothing(settings: Admin, dumps: list[Dump], tmp_path: Path) -> None:
    path = Path(settings.dumps) / dumps[0].file
    path.write_bytes(path.read_bytes()[:-20] + bytes(20))
    there = Admin(socket=settings.socket, dumps=str(tmp_path / "there"))
    Path(there.dumps).mkdir()
    with pytest.raises(QuarantineError, match="is not whole"):
        carrying.bring(there, io.BytesIO(carried(settings)))
    assert list(Path(there.dumps).iterdir()) == []


def test_a_lost_database_is_that_of_the_dump_again(clean: PrivateMariadb, root: Database, settings: Admin, dumps: list[Dump]) -> None:
    said: list[str] = []
    root.run("DELETE FROM quarantine.msgs")
    assert replacing.look(root, settings, dumps) == {"done": False, "ready": False, "newer": 0, "letters": 0}
    with pytest.raises(QuarantineError, match="prepare comes first"):
        replacing.swap(root, settings, dumps, overwrite_newer=True, say=said.append)
    for _ in range(2):
        replacing.prepare(root, settings, dumps, clean.user, said.append)
    assert said[-1] == "already restored beside the live tables"
    assert letters(root) == 0
    replacing.swap(root, settings, dumps, overwrite_newer=False, say=said.append)
    assert (letters(root), letters(root, "quarantine_before")) == (1, 0)
    assert replacing.look(root, settings, dumps)["done"]
    assert not root.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name LIKE %s", ("%arriving",))
    # The accounts may what they might: rights are said of names, and the names are the same.
    with clean.account("review") as reviewing:
        assert letters(reviewing) == 1


def test_newer_letters_are_put_aside_only_when_one_says_so(
    clean: PrivateMariadb, filing: Database, root: Database, settings: Admin, dumps: list[Dump]
) -> None:
    said: list[str] = []
    file(filing)
    root.run("UPDATE quarantine.msgs SET time_num = UNIX_TIMESTAMP() + 60 WHERE time_num > UNIX_TIMESTAMP() - 500")
    assert replacing.look(root, settings, dumps)["newer"] == 1
    replacing.prepare(root, settings, dumps, clean.user, said.append)
    with pytest.raises(QuarantineError, match="--overwrite-newer"):
        replacing.swap(root, settings, dumps, overwrite_newer=False, say=said.append)
    assert letters(root) == 2
    replacing.swap(root, settings, dumps, overwrite_newer=True, say=said.append)
    assert (letters(root), letters(root, "quarantine_before")) == (1, 2)


def test_an_interrupted_restore_is_begun_anew(
    clean: PrivateMariadb, root: Database, settings: Admin, dumps: list[Dump], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    real = dump.restore

    def dies_at_the_second(*words: Any) -> None:
        if words[2].database == "antispam":
            raise KeyboardInterrupt
        real(*words)

    monkeypatch.setattr(dump, "restore", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        replacing.prepare(root, settings, dumps, clean.user, said.append)
    assert not replacing.look(root, settings, dumps)["ready"]
    monkeypatch.setattr(dump, "restore", real)
    replacing.prepare(root, settings, dumps, clean.user, said.append)
    assert replacing.look(root, settings, dumps)["ready"]


def test_a_dump_that_does_not_hold_what_its_sheet_says_replaces_nothing(
    clean: PrivateMariadb, root: Database, settings: Admin, dumps: list[Dump]
) -> None:
    dumps[0].counts["msgs"] = (5, 5)
    with pytest.raises(QuarantineError, match="differs in msgs"):
        replacing.prepare(root, settings, dumps, clean.user, lambda _: None)
    assert not replacing.look(root, settings, dumps)["ready"]


def test_databases_that_are_not_there_at_all_come_back(clean: PrivateMariadb, root: Database, settings: Admin, dumps: list[Dump]) -> None:
    for name in NAMES:
        root.run(f"DROP DATABASE {name}")
    assert replacing.look(root, settings, dumps)["letters"] == 0
    replacing.prepare(root, settings, dumps, clean.user, lambda _: None)
    replacing.swap(root, settings, dumps, overwrite_newer=False, say=lambda _: None)
    assert letters(root) == 1
    with clean.account("review") as reviewing:
        assert letters(reviewing) == 1
