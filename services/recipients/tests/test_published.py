"""The file that Postfix reads comes back when it is lost, and what cannot be written harms nothing."""

import errno
import logging
from pathlib import Path
from typing import Any

import pytest
from posthouse import disk

from services.recipients.recipients import cdb
from services.recipients.recipients.service import Service
from services.recipients.recipients.settings import parse
from services.recipients.recipients.table import compose, given, pending

from .conftest import people


def refresh(service: Any, until: str) -> None:
    """Let the service read everything anew."""
    before = service._attempts
    service._asked.append(False)
    for _ in range(20):
        service._wake()
        service.step()
        if service._attempts > before and service.answer({"do": "status"})["state"] == until:
            return
    raise AssertionError(service.answer({"do": "status"}))


@pytest.fixture
def path(settings: Any) -> Path:
    return Path(settings.table + ".cdb")


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_a_table_that_was_removed_or_cut_is_written_again_by_the_next_refresh(service: Any, path: Path, harm: Any) -> None:
    refresh(service, "current")
    harm(path)
    refresh(service, "current")
    assert cdb.Reader(path).get(b"p99@madstop.test") == b"OK"


def test_it_is_written_again_also_while_losses_are_refused(service: Any, servers: Any, path: Path) -> None:
    refresh(service, "current")
    servers["ldap://one.test"].entries = people(10)
    path.unlink()
    refresh(service, "refused")
    assert cdb.Reader(path).get(b"p99@madstop.test") == b"OK"


def test_nobodys_table_is_written_again_too(service: Any, servers: Any, path: Path) -> None:
    servers["ldap://one.test"].entries = {}
    path.unlink()
    refresh(service, "refused")
    assert (cdb.Reader(path).get(b"madstop.test") or b"").startswith(b"451 ")


def test_a_full_disk_leaves_the_old_table_and_is_said_once(service: Any, servers: Any, path: Path, monkeypatch: Any, caplog: Any) -> None:
    refresh(service, "current")
    servers["ldap://one.test"].entries = people(101)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(disk, "replace", full)
        refresh(service, "stale")
        refresh(service, "stale")
        assert "No space left" in service.answer({"do": "status"})["fault"]
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
    assert cdb.Reader(path).get(b"p100@madstop.test") is None
    assert cdb.Reader(path).get(b"p99@madstop.test") == b"OK"
    refresh(service, "current")
    assert cdb.Reader(path).get(b"p100@madstop.test") == b"OK"
    assert service.answer({"do": "status"})["fault"] is None


def test_a_full_disk_on_the_first_day_ends_nothing(settings: Any, connect: Any, path: Path, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    service = Service(settings, connect)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "replace", full)
        service.start()
        refresh(service, "stale")
    refresh(service, "current")
    assert cdb.Reader(path).get(b"p99@madstop.test") == b"OK"


def test_a_broken_copy_is_no_good_copy(settings: Any, connect: Any, path: Path) -> None:
    path.write_bytes(b"\x00\x08\x00\x00\x01\x00\x00\x00" * 256 + b"\xff")
    service = Service(settings, connect)
    service.start()
    assert (cdb.Reader(path).get(b"madstop.test") or b"").startswith(b"451 ")


def test_a_copy_with_a_cut_index_is_written_again(service: Any, settings: Any, connect: Any, path: Path) -> None:
    refresh(service, "current")
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    again = Service(settings, connect)
    again.start()
    refresh(again, "current")
    assert path.read_bytes() == whole


def test_a_restart_counts_the_same_addresses_with_many_domains(given: Any, servers: Any, connect: Any) -> None:
    many = parse(given | {"domains": [f"d{number}.test" for number in range(20)]})
    first = Service(many, connect)
    first.start()
    refresh(first, "current")
    again = Service(many, connect)
    again.start()
    refresh(again, "current")
    assert servers["ldap://one.test"].asked == 2


def test_given_counts_what_the_directory_gave(settings: Any) -> None:
    table = compose(people(7).values(), settings)
    assert given(table.records, settings) == table.size == 7
    assert given(pending(settings), settings) == 0
