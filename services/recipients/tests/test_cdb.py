"""The table is a constant database that every cdb tool can read."""

import random
import shutil
import subprocess
from typing import Any

import pytest

from services.recipients.recipients import cdb


def records(count: int) -> dict[bytes, bytes]:
    return {f"person{number}@madstop.test".encode(): b"OK" if number % 7 else b"550 5.2.1 no" for number in range(count)}


@pytest.mark.parametrize("count", [0, 1, 2, 300, 5000])
def test_what_is_written_is_read(tmp_path: Any, count: Any) -> None:
    path = tmp_path / "t.cdb"
    cdb.replace(path, cdb.build(records(count)))
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


def test_replacing_leaves_nothing_behind_and_keeps_the_mode(tmp_path: Any) -> None:
    path = tmp_path / "t.cdb"
    for content in (b"a" * 3000, b"b" * 3000):
        cdb.replace(path, content)
    assert path.read_bytes() == b"b" * 3000
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.cdb"]


def test_who_reads_while_it_is_replaced_keeps_the_old_one(tmp_path: Any) -> None:
    path = tmp_path / "t.cdb"
    cdb.replace(path, cdb.build({b"a": b"1"}))
    reader = cdb.Reader(path)
    cdb.replace(path, cdb.build({b"a": b"2"}))
    assert reader.get(b"a") == b"1"
    assert cdb.Reader(path).get(b"a") == b"2"


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_broken_file_is_said_to_be_broken(tmp_path: Any, content: Any) -> None:
    path = tmp_path / "t.cdb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no constant database"):
        cdb.Reader(path)
