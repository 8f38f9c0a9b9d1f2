"""Rules come, are judged together with the site's own, and are put back when they do not fit; the filter is told exactly once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from posthouse.settings import SettingsError

from services.antispam.antispam import command, rules
from services.antispam.antispam.settings import Channel, Settings, load, parse

from .conftest import program


def called(programs: Path) -> list[str]:
    path = programs.parent / "called"
    return path.read_text().splitlines() if path.exists() else []


def run(configuration: Path, *words: str) -> int:
    return command.main(["--config", str(configuration), *words])


def test_new_rules_come_into_use_and_the_filter_is_told_once(settings: Settings, configuration: Path, programs: Path) -> None:
    assert run(configuration, "update") == command.FINE
    assert (settings.rules / "rules.cf").read_text() == "new\n"
    assert run(configuration, "activate") == command.FINE
    assert run(configuration, "activate") == command.FINE
    assert sum(line.startswith("hook") for line in called(programs)) == 1


def test_nothing_new_tells_nobody(settings: Settings, configuration: Path, programs: Path) -> None:
    program(programs, "sa-update", "exit 1")
    assert run(configuration, "update") == command.FINE
    assert run(configuration, "activate") == command.FINE
    assert not any(line.startswith(("hook", "spamassassin")) for line in called(programs))
    assert (settings.rules / "rules.cf").read_text() == "old\n"


def test_rules_that_do_not_fit_are_put_back(settings: Settings, configuration: Path, programs: Path) -> None:
    program(programs, "spamassassin", "echo 'config: failed to parse line in site.cf (line 3): scroe X 1' >&2; exit 1")
    assert run(configuration, "update") == command.FINE
    assert (settings.rules / "rules.cf").read_text() == "old\n"
    assert (settings.home / "posthouse-refused" / "rules.cf").read_text() == "new\n"
    assert run(configuration, "activate") == command.FINE
    assert not any(line.startswith("hook") for line in called(programs))
    assert run(configuration, "status") == command.REFUSED
    assert "scroe X 1" in command.read_state(settings)["fault"]


def test_a_channel_that_fails_is_said_and_changes_nothing(
    settings: Settings, configuration: Path, programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(programs, "sa-update", "echo 'channel: GPG validation failed, channel failed' >&2; exit 4")
    assert run(configuration, "update") == command.FINE
    assert (settings.rules / "rules.cf").read_text() == "old\n"
    assert run(configuration, "status", "--json") == command.REFUSED
    assert "GPG validation failed" in json.loads(capsys.readouterr().out)["reason"]


def test_a_hook_that_fails_is_tried_again(configuration: Path, programs: Path) -> None:
    run(configuration, "update")
    program(programs, "hook", "exit 1")
    assert run(configuration, "activate") == command.REFUSED
    program(programs, "hook", "exit 0")
    assert run(configuration, "activate") == command.FINE
    assert sum(line.startswith("hook") for line in called(programs)) == 2


def test_nothing_is_written_as_root(settings: Settings, configuration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(configuration, "update")
    done: list[str] = []
    monkeypatch.setattr(command, "_become", lambda _: done.append("became another"))
    monkeypatch.setattr(command, "_write_state", lambda *_: done.append("wrote"))
    monkeypatch.setattr("os.chown", lambda *_: done.append("gave away"))
    assert run(configuration, "activate") == command.FINE
    assert done == ["became another", "wrote"]
    assert settings.state.exists()


def test_a_foreign_channel_is_believed_by_its_key_only(settings: Settings, programs: Path) -> None:
    assert rules.fetch(settings, Channel("rules.example", "ABCDEF", "/etc/key.asc"))
    keys = settings.home / "sa-update-keys"
    assert called(programs) == [
        f"sa-update --gpghomedir {keys} --import /etc/key.asc",
        f"sa-update --gpghomedir {keys} --channel rules.example --gpgkey ABCDEF",
    ]


def test_status_says_what_bayes_knows(configuration: Path, programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(configuration, "update")
    capsys.readouterr()
    assert run(configuration, "status", "--json") == command.FINE
    assert json.loads(capsys.readouterr().out)["bayes"] == {"nspam": 203, "nham": 201}
    program(programs, "sa-learn", "echo 'ERROR: Bayes dump returned an error' >&2; exit 1")
    assert run(configuration, "status") == command.REFUSED
    assert "database does not answer" in capsys.readouterr().out


def test_lint_repeats_the_complaint(configuration: Path, programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(configuration, "lint") == command.FINE
    program(programs, "spamassassin", "echo 'warn: config: bad line'; exit 2")
    assert run(configuration, "lint") == command.REFUSED
    assert "config: bad line" in capsys.readouterr().err


def test_settings(tmp_path: Path) -> None:
    assert parse({"channels": [{"name": "a", "key": "/k", "fingerprint": "F"}]}).channels == (Channel("a", "F", "/k"),)
    with pytest.raises(SettingsError):
        parse({"chanels": []})
    with pytest.raises(SettingsError):
        parse({"channels": [{"nam": "a"}]})
    with pytest.raises(SettingsError):
        load(tmp_path / "none")
    assert run(tmp_path / "none", "status") == 2
