"""What the control node seals and opens: whole, with the right key, or not at all."""

from __future__ import annotations

import json
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from posthouse import generations
from posthouse.generations import Sheet

from frontdoor import sealed, secrets
from frontdoor.errors import Refused


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An inventory with keys, and a lab's operator."""
    folder = tmp_path / "lab"
    (folder / "pki").mkdir(parents=True)
    (folder / "hosts.yml").write_text("all: {}\n")
    (folder / "pki/ca.key").write_text("the authority's key")
    assert secrets.operator(folder)
    return folder


@pytest.fixture
def keys(site: Path) -> list[str]:
    found: list[str] = yaml.safe_load((site / secrets.PUBLIC).read_text())["cluster_operator_keys"]
    return found


@pytest.fixture
def generation(site: Path, keys: list[str], tmp_path: Path) -> tuple[Path, Sheet]:
    folder = tmp_path / "kept"
    folder.mkdir()
    sheet = sealed.seal(site, folder, keys)
    return folder / sheet.file, sheet


def test_the_operators_key_is_made_once_and_is_nobody_elses(site: Path) -> None:
    private = site / secrets.PRIVATE
    before = private.read_text()
    assert not secrets.operator(site)
    assert private.read_text() == before
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert "SECRET" not in (site / secrets.PUBLIC).read_text()


def test_an_inventory_comes_back_without_the_key_that_opens_it(site: Path, generation: tuple[Path, Sheet], tmp_path: Path) -> None:
    file, sheet = generation
    assert b"authority" not in file.read_bytes()
    assert sealed.unseal(file, site / secrets.PRIVATE, tmp_path / "tar") == sheet.plain
    with tarfile.open(tmp_path / "tar") as tar:
        names = tar.getnames()
        tar.extractall(tmp_path / "back", filter="data")
    assert (tmp_path / "back/lab/pki/ca.key").read_text() == "the authority's key"
    assert not [name for name in names if "operator/" in name or name.endswith("/operator")]
    assert stat.S_IMODE((tmp_path / "tar").stat().st_mode) == 0o600


def test_another_key_opens_nothing_and_is_named(generation: tuple[Path, Sheet], tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    subprocess.run(["age-keygen", "--output", str(other)], check=True, capture_output=True)
    with pytest.raises(Refused, match=r"other\.txt is not one of those that site-.* was sealed to"):
        sealed.unseal(generation[0], other, tmp_path / "tar")
    with pytest.raises(Refused, match="operator_key_file="):
        sealed.unseal(generation[0], tmp_path / "missing.txt", tmp_path / "tar")
    assert not (tmp_path / "tar").exists()


@pytest.mark.parametrize("lost", [1, 16, 100])
def test_what_lost_its_end_is_not_opened_even_when_its_sheet_agrees(
    site: Path, generation: tuple[Path, Sheet], tmp_path: Path, lost: int
) -> None:
    file, _ = generation
    file.write_bytes(file.read_bytes()[:-lost])
    with pytest.raises(Refused, match="not whole"):
        sealed.unseal(file, site / secrets.PRIVATE, tmp_path / "tar")
    path = file.with_suffix(".json")
    told: dict[str, Any] = json.loads(path.read_text())
    size, summed = generations.digest(file)
    path.write_text(json.dumps({**told, "size": size, "sha256": summed}))
    with pytest.raises(Refused, match="cannot be opened"):
        sealed.unseal(file, site / secrets.PRIVATE, tmp_path / "tar")
    path.unlink()
    with pytest.raises(Refused, match="no sheet"):
        sealed.unseal(file, site / secrets.PRIVATE, tmp_path / "tar")
    assert not (tmp_path / "tar").exists()


def test_nothing_is_sealed_without_a_key_or_to_none(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept").mkdir()
    assert sealed.main(["seal", str(site), str(tmp_path / "kept")]) == 2
    assert "cluster_operator_keys names no key" in capsys.readouterr().err
    assert sealed.main(["seal", str(site), str(tmp_path / "kept"), "age1nonsense"]) == 2
    assert "nothing was sealed" in capsys.readouterr().err
    assert sealed.main(["seal", str(tmp_path), str(tmp_path / "kept"), "age1nonsense"]) == 2
    assert not list((tmp_path / "kept").iterdir())
