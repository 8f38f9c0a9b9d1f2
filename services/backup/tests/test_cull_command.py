"""What the operator is told of a culling."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from services.backup.backup import cull as module
from services.backup.backup import holds, jobs
from services.backup.backup.people import DirectoryAwayError
from services.backup.backup.settings import Settings, parse

from .test_settings import given


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("people", "state"):
        (tmp_path / name).mkdir()
    hold = [{"people": ["joe"], "reason": "case 12", "until": "2999-12-31"}, {"people": ["ann"], "reason": "old", "until": "2020-01-01"}]
    return parse(given(home=str(tmp_path), hold=hold))


def asked(run: Any, settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    run.add(commands)
    options = parser.parse_args(list(words))
    return int(options.run(settings, options))


def ends(monkeypatch: pytest.MonkeyPatch, outcome: module.Outcome | OSError) -> None:
    def cull(*_: Any, **__: Any) -> module.Outcome:
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    monkeypatch.setattr(module, "cull", cull)


def test_a_directory_that_is_away_is_a_fault_with_a_remedy(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    ends(monkeypatch, DirectoryAwayError("no directory server answers: timeout"))
    assert asked(module, settings, "cull") == 1
    assert "goes with the next run" in capsys.readouterr().err
    assert jobs.read(settings.home / "state", jobs.CULL)["state"] == "failed"


def test_one_persons_fault_is_the_jobs(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    ends(monkeypatch, module.Outcome(people=2, copies=1, faults={"ann": "index is corrupted"}))
    assert asked(module, settings, "cull") == 1
    assert "journalctl" in capsys.readouterr().err
    record = jobs.read(settings.home / "state", jobs.CULL)
    assert (record["state"], record["detail"]["faults"]) == ("failed", {"ann": "index is corrupted"})


def test_what_went_is_said_and_a_rehearsal_leaves_no_record(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    ends(monkeypatch, module.Outcome(people=2, copies=3, removed=4))
    assert asked(module, settings, "cull", "--check", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["copies"], said["removed_letters"], said["removed"], said["check"]) == (3, 4, 7, True)
    assert jobs.read(settings.home / "state", jobs.CULL) == {}
    assert asked(module, settings, "cull") == 0
    assert "3 copies and 4 removed letters went" in capsys.readouterr().out
    assert jobs.read(settings.home / "state", jobs.CULL)["state"] == "fine"


def test_holds_are_shown_with_their_end(settings: Settings, capsys: Any) -> None:
    settings.person("joe").mkdir()
    assert asked(holds, settings, "holds") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("joe")
    assert "until 2999-12-31" in first
    assert "case 12" in first
    assert "over since 2020-01-01" in second
    assert "nothing of theirs is here" in second
    assert asked(holds, settings, "holds", "--json") == 0
    assert [one["counts"] for one in json.loads(capsys.readouterr().out)["holds"]] == [True, False]
