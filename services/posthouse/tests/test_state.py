"""What is remembered is there whole or as it was before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from posthouse import state


def test_what_was_written_is_read(tmp_path: Path) -> None:
    state.write(tmp_path / "a.json", {"one": 1}, 0o640)
    assert state.read(tmp_path / "a.json") == {"one": 1}
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "\0"])
def test_what_is_damaged_or_not_there_is_nothing(tmp_path: Path, content: str) -> None:
    assert state.read(tmp_path / "a.json") == {}
    (tmp_path / "a.json").write_text(content)
    assert state.read(tmp_path / "a.json") == {}


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    state.write(tmp_path / "a.json", {"one": 1})
    with pytest.raises(TypeError):
        state.write(tmp_path / "a.json", {"one": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"one": 1}
    state.write(tmp_path / "a.json", {"one": 2})  # in spite of what the other one left
    assert state.read(tmp_path / "a.json") == {"one": 2}
