"""How the command of every service begins."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from posthouse.settings import SettingsError, read
from posthouse.start import for_programs, start, words


def run(*arguments: str) -> int:
    parser, commands = words("thing", "A thing.", "Exit codes: 0 fine; 7 shown.")
    for_programs(commands.add_parser("show"))

    def done(settings: dict[str, object], given: argparse.Namespace) -> int:
        print(f"{given.command} {settings} {given.json}")
        return 7

    return start(parser, arguments, read, done)


def test_what_was_asked_for_is_done_with_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "thing.toml"
    file.write_text("number = 3\n")
    assert run("--config", str(file), "show", "--json") == 7
    assert capsys.readouterr().out == "show {'number': 3} True\n"


@pytest.mark.parametrize("text", [None, "number ="])
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None) -> None:
    file = tmp_path / "thing.toml"
    if text:
        file.write_text(text)
    assert run("--config", str(file), "show") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"thing: {file}: ")
    assert said.err.count("\n") == 1


def test_another_fault_is_not_hidden(tmp_path: Path) -> None:
    def broken(_path: Path) -> None:
        raise ValueError(tmp_path)

    parser, commands = words("thing", "A thing.")
    commands.add_parser("show")
    assert issubclass(SettingsError, ValueError)
    with pytest.raises(ValueError, match=str(tmp_path)):
        start(parser, ["show"], broken, lambda _settings, _given: 0)


def test_help_says_where_the_configuration_is_and_what_the_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--help")
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "/etc/posthouse/thing.toml" in said
    assert "7 shown" in said
