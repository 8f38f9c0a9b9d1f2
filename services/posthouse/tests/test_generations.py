"""Generations of sealed state: what a sheet may say, what is whole, what is kept."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from posthouse import generations
from posthouse.generations import Sheet, SheetError

DAY = 86400


def put(folder: Path, at: str, name: str = "directory", content: bytes = b"sealed") -> Sheet:
    """Publish a generation."""
    new = folder / ".new"
    new.write_bytes(content)
    size, summed = generations.digest(new)
    sheet = Sheet(machine="ldap1", name=name, at=at, size=size, sha256=summed, plain=3)
    generations.publish(folder, sheet, new)
    return sheet


def test_what_is_published_is_listed_newest_first_and_is_whole(tmp_path: Path) -> None:
    older, newer = put(tmp_path, "20261101T030000Z"), put(tmp_path, "20261102T030000Z")
    assert generations.listed(tmp_path) == [newer, older]
    assert generations.wrong(tmp_path / newer.file, newer) == ""
    assert newer.time - older.time == DAY
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([older.file, older.sheet, newer.file, newer.sheet])


def test_what_has_lost_its_end_or_one_bit_is_noticed(tmp_path: Path) -> None:
    sheet = put(tmp_path, "20261101T030000Z")
    file = tmp_path / sheet.file
    file.write_bytes(b"seal")
    assert "not whole" in generations.wrong(file, sheet)
    file.write_bytes(b"sealeD")
    assert "changed" in generations.wrong(file, sheet)
    file.unlink()
    assert "cannot be read" in generations.wrong(file, sheet)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("machine", "../ldap1"),
        ("machine", ""),
        ("name", ".."),
        ("name", "a/b"),
        ("name", "a" * 200),
        ("at", "20261301T000000Z"),
        ("at", "today"),
        ("size", -1),
        ("size", True),
        ("size", "1"),
        ("sha256", "0" * 63),
        ("plain", None),
        ("seconds", "long"),
        ("more", 1),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    said = dataclasses.asdict(put(tmp_path, "20261101T030000Z"))
    assert generations.parse(said).machine == "ldap1"
    with pytest.raises(SheetError):
        generations.parse({**said, field: value})
    with pytest.raises(SheetError):
        generations.parse({key: value for key, value in said.items() if key != "machine"})
    with pytest.raises(SheetError):
        generations.parse([said])


def test_what_is_no_sheet_is_passed_over(tmp_path: Path) -> None:
    sheet = put(tmp_path, "20261101T030000Z")
    (tmp_path / "other.json").write_text("{")
    (tmp_path / "directory-20261102T030000Z.json").write_text(json.dumps(dataclasses.asdict(sheet)))  # another's name
    assert generations.listed(tmp_path) == [sheet]


def test_old_generations_go_but_the_newest_three_stay_however_old(tmp_path: Path) -> None:
    for day in range(1, 7):
        put(tmp_path, f"2026110{day}T030000Z")
    put(tmp_path, "20260101T030000Z", name="site")
    now = generations.listed(tmp_path)[0].time
    assert generations.thin(tmp_path, 4, now) == ["directory-20261101T030000Z.age"]
    assert generations.thin(tmp_path, 1, now) == ["directory-20261103T030000Z.age", "directory-20261102T030000Z.age"]
    assert generations.thin(tmp_path, 0, now + 1000 * DAY) == []
    assert len(generations.listed(tmp_path)) == 4
    assert not (tmp_path / "directory-20261101T030000Z.age").exists()


def test_two_generations_of_one_second_have_different_names(tmp_path: Path) -> None:
    first = generations.stamp(tmp_path, "directory")
    (tmp_path / f"directory-{first}.age").touch()
    assert generations.stamp(tmp_path, "directory") > first
