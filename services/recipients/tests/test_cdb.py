"""The table is a constant database that every cdb tool can read."""

import random
import shutil
import subprocess
from typing import Any

import pytest
from posthouse import disk

from services.recipients.recipients import cdb


def records(count: int) -> dict[bytes, bytes]:
    return {f"person{number}@madstop.test".encode(): b"OK" if number % 7 else b"550 5.2.1 no" for number in range(count)}


@pytest.mark.parametrize("count", [0, 1, 2, 300, 5000])
def test_what_is_written_is_read(tmp_path: Any, count: Any) -> None:
    path = tmp_path / "t.cdb"
    path.write_bytes(cdb.build(records(count)))
    reader = cdb.Reader(path)
    assert len(reader) == count
    assert all(reader.get(key) == data for key, data in records(count).items())
    assert reader.get(b"nobody@madstop.test") is None
    assert dict(reader.items()) == records(count)


def test_an_empty_table_is_its_header() -> None:
    assert len(cdb.build({})) == 2048


@pytest.mark.skipif(not shutil.which("cdb"), reason="Debian's tinycdb is not installed")
def test_tinycdb_reads_it(tmp_path: Any) -> None:
    path = tmp_path / "t.cdb"
    path.write_bytes(cdb.build(records(1000)))
    for key in random.Random(1).sample(sorted(records(1000)), 20):
        assert subprocess.run(["cdb", "-q", path, key], capture_output=True, check=True).stdout == records(1000)[key]


def test_who_reads_while_it_is_replaced_keeps_the_old_one(tmp_path: Any) -> None:
    path = tmp_path / "t.cdb"
    disk.replace(path, cdb.build({b"a": b"1"}))
    reader = cdb.Reader(path)
    disk.replace(path, cdb.build({b"a": b"2"}))
    assert reader.get(b"a") == b"1"
    assert cdb.Reader(path).get(b"a") == b"2"


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_broken_file_is_said_to_be_broken(tmp_path: Any, content: Any) -> None:
    path = tmp_path / "t.cdb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no constant database"):
        cdb.Reader(path)
