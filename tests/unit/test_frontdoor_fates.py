"""`./lab fates` hands its words on to the service, with the machines whose journals tell of mail."""

from __future__ import annotations

import sys

import pytest

from frontdoor import cli, fates, paths


def test_the_machines_that_tell_of_mail() -> None:
    command = fates.command(["--json"])
    machines = [command[at + 1] for at, word in enumerate(command) if word == "--machine"]
    assert {"mx1", "hermes", "helios"} <= set(machines)
    assert len(machines) == len(set(machines))
    assert "ldap1" not in machines
    assert command[:3] == [sys.executable, "-m", "fates"]
    assert f"ssh -F {paths.SSH_CONFIG}" in command
    assert command[-1] == "--json"


def test_a_journal_is_read_from_its_beginning_unless_told_otherwise() -> None:
    assert "2000-01-01" in fates.command([])
    for words in (["--since", "today"], ["--since=today"]):
        assert "2000-01-01" not in fates.command(words)


def test_trace_keeps_its_place() -> None:
    command = fates.command(["trace", "token", "--all"])
    assert command[3:5] == ["trace", "token"]
    assert command[-1] == "--all"


def test_options_of_the_service_are_not_the_front_doors(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(words: list[str]) -> int:
        seen.append(words)
        return 0

    monkeypatch.setattr(fates, "run", run)
    assert cli.main(["fates", "--top", "3", "--help"]) == 0
    assert cli.main(["fates"]) == 0
    assert seen == [["--top", "3", "--help"], []]
