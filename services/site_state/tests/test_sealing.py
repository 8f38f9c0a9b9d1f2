"""Sealing: only what is whole is kept, and only an operator can read it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
from posthouse import generations

from services.site_state.site_state import command, sealing
from services.site_state.site_state.errors import StateError
from services.site_state.site_state.settings import Settings, Source


def source(*words: str, name: str = "directory") -> Source:
    return Source(name=name, command=list(words), account="nobody")


def files(settings: Settings) -> list[str]:
    return sorted(path.name for path in Path(settings.folder).iterdir())


def test_what_a_command_prints_is_opened_by_the_operators_key_and_by_no_other(settings: Settings, operator: tuple[str, Path]) -> None:
    sheet = sealing.seal(settings, settings.sources[0])
    file = Path(settings.folder) / sheet.file
    assert generations.wrong(file, sheet) == ""
    assert generations.listed(Path(settings.folder)) == [sheet]
    assert b"o=example" not in file.read_bytes()
    opened = subprocess.run(["age", "--decrypt", "--identity", operator[1], file], capture_output=True, check=True).stdout
    assert opened == b"dn: o=example\n"
    assert sheet.plain == len(opened)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["sh", "-c", "echo dn: half; echo no more memory >&2; exit 1"], "sh failed: no more memory"),
        (["sh", "-c", "echo dn: half; kill -9 $$"], "sh failed"),
        (["true"], "printed nothing"),
        (["/no/such/program"], "cannot be run"),
        (["sh", "-c", "echo dn: all; exec >&-; sleep 60"], "does not end"),
    ],
)
def test_what_did_not_come_to_its_end_is_not_kept(settings: Settings, words: list[str], why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PATIENCE", 0.5)
    with pytest.raises(StateError, match=why):
        sealing.seal(settings, source(*words))
    assert files(settings) == []


def test_a_key_that_is_none_is_named_as_the_reason(settings: Settings) -> None:
    with pytest.raises(StateError, match="cluster_operator_keys"):
        sealing.seal(dataclasses.replace(settings, keys=["age1nonsense"]), source("head", "-c", "3000000", "/dev/zero"))
    assert files(settings) == []


def test_a_disk_is_not_filled(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SPARE", 1 << 60)
    with pytest.raises(StateError, match="nothing was done"):
        sealing.seal(settings, settings.sources[0])


def test_so_many_generations_stay_and_the_remains_of_a_killed_run_do_not(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path(settings.folder) / ".directory-abc.new").write_text("half")
    times = iter(f"20261101T00000{number}Z" for number in range(3))
    monkeypatch.setattr(generations, "stamp", lambda *_: next(times))
    for _ in range(3):
        sealing.seal(settings, settings.sources[0])
    kept = [f"directory-20261101T00000{number}Z" for number in (1, 2)]
    assert files(settings) == sorted([f"{one}.age" for one in kept] + [f"{one}.json" for one in kept])


def configured(settings: Settings, folder: Path) -> list[str]:
    """Return the option that names a file with these settings."""
    plain = {name: value for name, value in dataclasses.asdict(settings).items() if name != "sources"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for one in settings.sources:
        lines += ["[[source]]", *(f"{name} = {json.dumps(value)}" for name, value in dataclasses.asdict(one).items())]
    (folder / "site-state.toml").write_text("\n".join(lines))
    return ["--config", str(folder / "site-state.toml")]


def test_the_command_seals_all_it_can_and_says_what_it_could_not(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = dataclasses.replace(settings, sources=[source("false"), source("echo", "rows", name="quarantine")])
    config = configured(both, tmp_path)
    assert command.main([*config, "seal"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("quarantine: quarantine-")
    assert "directory: false failed" in said.err
    assert command.main([*config, "status", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "failed"
    assert told["sources"]["directory"]["newest"] is None
    assert told["sources"]["quarantine"]["newest"] > 0


def test_without_a_key_nothing_is_sealed_and_status_says_so(settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(dataclasses.replace(settings, keys=[]), tmp_path)
    assert command.main([*config, "seal"]) == 0
    assert command.main([*config, "status", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["state"] == "off"
    assert "cluster_operator_keys" in told["reason"]
    assert files(settings) == []


def test_settings_that_make_no_sense_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site-state.toml").write_text('machine = "a"\nfolder = "/x"\naccount = "b"\nwhat = 1\n')
    assert command.main(["--config", str(tmp_path / "site-state.toml"), "check"]) == 2
    assert "unknown setting what" in capsys.readouterr().err
