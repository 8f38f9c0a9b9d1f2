"""The command's words and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.blocklists.blocklists import command, watch
from services.blocklists.blocklists.policy import Policy
from services.blocklists.blocklists.question import Answer, Resolver

LISTS = '[[lists]]\nzone = "a.test"\n'


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "blocklists.toml"
    file.write_text(f'state = "{tmp_path}"\nfailures = 1\n{LISTS}')
    monkeypatch.setattr(Resolver, "answers", lambda _: True)
    monkeypatch.setattr(Resolver, "addresses", lambda _, name: Answer(["127.0.0.2"] if name.startswith("2.0.0.127.") else []))
    monkeypatch.setattr(Policy, "out", lambda *_: set())
    monkeypatch.setattr(Policy, "change", lambda *_: None)
    monkeypatch.setattr(watch, "tell", lambda *_: None)
    return file


def run(configuration: Path, *words: str) -> int:
    return command.main(["--config", str(configuration), *words])


def test_a_fine_list(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(configuration, "check") == command.FINE
    assert "a.test  in use" in capsys.readouterr().out
    assert run(configuration, "status", "--json") == command.FINE
    assert json.loads(capsys.readouterr().out)["lists"][0]["verdict"] == "fine"


def test_a_dead_list(configuration: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Resolver, "addresses", lambda *_: Answer(fault="answered SERVFAIL"))
    monkeypatch.setattr(watch.Watch, "_tell", lambda *_: None)
    assert run(configuration, "check", "--dry-run") == command.NOT_FINE
    assert run(configuration, "check", "--quiet") == command.NOT_FINE
    assert run(configuration, "status") == command.NOT_FINE
    out = capsys.readouterr().out
    assert "a.test  out since" in out
    assert "answered SERVFAIL" in out


def test_a_resolver_that_is_away(configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Resolver, "answers", lambda _: False)
    assert run(configuration, "check", "--dry-run") == command.AWAY


@pytest.mark.parametrize("words", [["check", "b.test"], ["take-out", "b.test"], ["fetch", "a.test"]])
def test_lists_that_there_are_not(configuration: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(configuration, *words) == command.USAGE
    assert "there is no list" in capsys.readouterr().err


def test_a_configuration_that_cannot_be_used(configuration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration.write_text("failures = 0\n")
    assert run(configuration, "status") == command.USAGE
    assert "blocklists.toml" in capsys.readouterr().err


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["check", "--help"])
    assert ended.value.code == 0
    assert "Exit codes" in capsys.readouterr().out
