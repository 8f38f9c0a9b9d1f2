"""Dumps and the proof that they can be restored, on a real MariaDB."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.quarantine.quarantine import dump
from services.quarantine.quarantine.database import Database
from services.quarantine.quarantine.errors import QuarantineError
from tests.private_mariadb import PrivateMariadb
from tests.quarantine_letters import file


def test_a_dump_is_restored_and_compared(clean: PrivateMariadb, filing: Database, root: Database) -> None:
    settings = clean.admin(dumps_kept=1)
    bytes_of_all = bytes(range(256)) * 40
    mail = file(filing, text=b"Subject: all bytes\n\n" + bytes_of_all)
    for _ in range(2):
        made = dump.make(root, settings, "quarantine", clean.user)
        time.sleep(1.05)  # a second is the name's finest unit
    removed = dump.thin(settings, "quarantine")
    assert len(removed) == 1
    assert dump.newest(settings, "quarantine").file == made.file
    assert dump.check(root, settings, made, clean.user)["msgs"] == 1
    assert not root.rows("SELECT 1 FROM information_schema.tables WHERE table_schema = %s", (settings.scratch,))
    dump.restore(root, settings, made, "elsewhere", clean.user)
    assert bytes(root.value("SELECT mail_text FROM elsewhere.quarantine WHERE mail_id = %s", (mail.encode(),))).endswith(bytes_of_all)
    with pytest.raises(QuarantineError, match="not empty"):
        dump.restore(root, settings, made, "elsewhere", clean.user)
    root.run("DROP DATABASE elsewhere")


def test_a_dump_that_lacks_something_is_found_out(clean: PrivateMariadb, filing: Database, root: Database) -> None:
    settings = clean.admin()
    file(filing)
    made = dump.make(root, settings, "quarantine", clean.user)
    path = Path(settings.dumps) / made.file
    sheet = path.with_name(made.file.replace(".sql.zst", ".json"))
    told = json.loads(sheet.read_text())
    told["counts"]["msgs"] = [5, 5]
    sheet.write_text(json.dumps(told))
    with pytest.raises(QuarantineError, match="msgs: 1, not 5"):
        dump.check(root, settings, dump.newest(settings, "quarantine"), clean.user)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(QuarantineError, match="could not be restored"):
        dump.check(root, settings, made, clean.user)
    with pytest.raises(QuarantineError, match="failed"):
        dump.make(root, settings, "no_such_database", clean.user)
    assert not [one for one in Path(settings.dumps).iterdir() if one.name.startswith(".")]


def test_a_disk_is_not_filled(clean: PrivateMariadb, root: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = clean.admin()
    made = dump.make(root, settings, "quarantine", clean.user)
    assert made.space > 100_000
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=(512 << 20) + made.space))
    with pytest.raises(QuarantineError, match="nothing was done"):
        dump.check(root, settings, made, clean.user)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=(512 << 20) + made.size))
    with pytest.raises(QuarantineError, match="nothing was done"):
        dump.make(root, settings, "quarantine", clean.user)
