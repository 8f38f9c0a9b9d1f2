"""What is replaced is there whole, as it was before or as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest
from posthouse import disk


def test_replacing_leaves_nothing_behind_and_keeps_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "table"
    for content in (b"a" * 3000, b"b" * 3000):
        disk.replace(path, content, 0o640)
    assert path.read_bytes() == b"b" * 3000
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["table"]


def test_names_are_synced_after_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr("os.fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").resolve().name))
    disk.replace(tmp_path / "table", b"a")
    assert synced == [".table.new", tmp_path.name]


def test_a_loss_of_power_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table"
    disk.replace(path, b"old")

    def lost(_handle: int) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lost)
        with pytest.raises(OSError, match="the power is gone"):
            disk.replace(path, b"new")
    assert path.read_bytes() == b"old"
    disk.replace(path, b"new")  # in spite of what the other one left
    assert path.read_bytes() == b"new"
