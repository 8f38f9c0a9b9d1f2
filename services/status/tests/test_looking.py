"""The whole of it: a configuration, the service's report, and the command that asks for it."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from posthouse.settings import SettingsError

from services.status.status import command, looking
from services.status.status.findings import Level, restored
from services.status.status.settings import Program, Settings, load

from .conftest import Authority

FINE = '{"state": "current", "reason": "", "channels": {}}'


def wait_and(words: str) -> list[str]:
    return ["/bin/sh", "-c", words]


@pytest.fixture
def ourselves(tmp_path: Path) -> list[str]:
    """A program in place of the part that asks no other service."""
    found = [{"check": "unit", "about": "b.service", "level": "critical", "says": "b.service is dead", "remedy": "start it", "figures": {}}]
    program = tmp_path / "ourselves"
    program.write_text(f"#!/bin/sh\ncat <<'EOF'\n{json.dumps(found)}\nEOF\n")
    program.chmod(0o755)
    return [str(program)]


def found_in(report: dict[str, Any]) -> dict[str, Level]:
    return {one["check"]: restored(one).level for one in report["findings"]}


def test_a_report_of_everything(ourselves: list[str]) -> None:
    programs = [Program("antispam", wait_and(f"echo '{FINE}'")), Program("lost", ["/no/such/program"]), Program("odd", wait_and("exit 3"))]
    report = looking.report(Settings(programs=programs), ourselves)
    assert found_in(report) == {"unit": Level.CRITICAL, "antispam": Level.FINE, "lost": Level.CRITICAL, "odd": Level.CRITICAL}
    assert report["machine"] == socket.gethostname()
    json.dumps(report)


def test_whoever_never_ends_is_ended_and_the_others_are_heard(ourselves: list[str]) -> None:
    began = time.monotonic()
    programs = [Program("slow", wait_and("sleep 30 & sleep 30")), Program("antispam", wait_and(f"echo '{FINE}'"))]
    report = looking.report(Settings(programs=programs, patience=1), ourselves)
    assert time.monotonic() - began < 10
    assert found_in(report)["slow"] is Level.CRITICAL
    assert found_in(report)["antispam"] is Level.FINE


def test_one_cause_is_said_once(ourselves: list[str]) -> None:
    """A program whose unit is down is not blamed for it too."""
    report = looking.report(Settings(programs=[Program("antispam", wait_and("exit 1"), unit="b.service")]), ourselves)
    assert [one["check"] for one in report["findings"] if one["level"] == "critical"] == ["unit"]
    assert "antispam not asked" in report["findings"][-1]["says"]


def test_when_even_our_part_fails_that_is_a_finding() -> None:
    report = looking.report(Settings(), wait_and("echo broken >&2; exit 1"))
    assert found_in(report) == {"status": Level.CRITICAL}
    assert "broken" in report["findings"][0]["says"]


def test_what_we_see_by_ourselves(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text("#!/bin/sh\n[ $1 != show ] || printf 'ActiveState=inactive\\n'\n")
    systemctl.chmod(0o755)
    monkeypatch.setattr("services.status.status.machine._PATH", f"{tmp_path}:/usr/bin:/bin")
    file = tmp_path / "status.toml"
    file.write_text(
        f"""
        units = ["postfix.service"]
        certificates = ["{authority.issue(days=2)}"]
        disk_percent = [101, 101]
        memory_percent = [0, 0]
        [[queues]]
        name = "inside"
        configuration = "/etc/postfix-inside"
        minutes = [60, 240]
        letters = [5, 50]
        unit = "postfix.service"
        [[ports]]
        name = "smtp"
        address = "127.0.0.1"
        port = 1
        speaks = "smtp"
        host = "mx.example.edu"
        """
    )
    found = looking.here(load(file))
    levels = {one.check: one.level for one in found if one.level}
    # The queue of a unit that is down is not asked for.
    assert levels == {"unit": Level.CRITICAL, "certificate": Level.CRITICAL, "port": Level.CRITICAL}


@pytest.mark.parametrize(
    "text",
    [
        "nonsense = 1",
        "units = 5",
        "disk_percent = [1]",
        "disk_percent = 'much'",
        "disk_percent = [-1, 2]",
        "queues = 5",
        "[[queues]]\nname = 'x'",
        "[[ports]]\nname = 'x'\naddress = '::1'\nport = 'y'\nspeaks = 'tls'\nhost = 'x'",
        "[directory]\nuri = 5",
        "units = [",
    ],
)
def test_a_configuration_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "status.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"status\.toml"):
        load(file)
    assert command.main(["serve", "--config", str(file)]) == 2
    assert "status.toml" in capsys.readouterr().err


@pytest.fixture
def door(tmp_path: Path) -> Any:
    """A service that answers what a test says."""

    def serve(said: bytes) -> Path:
        path = tmp_path / "door"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
        listening.listen()

        def once() -> None:
            line, _ = listening.accept()
            with line, listening:
                line.sendall(said)

        threading.Thread(target=once, daemon=True).start()
        return path

    return serve


@pytest.mark.parametrize(("level", "code"), [("fine", 0), ("warning", 1), ("critical", 2)])
def test_the_command_asks_and_its_code_is_the_level(door: Any, capsys: pytest.CaptureFixture[str], level: str, code: int) -> None:
    finding = {"check": "disk", "about": "/", "level": level, "says": "so it is", "remedy": "", "figures": {}}
    said = json.dumps({"machine": "mx1", "at": 1.0, "seconds": 1, "findings": [finding]}).encode()
    assert command.main(["--all", "--door", str(door(said))]) == code
    assert "so it is" in capsys.readouterr().out


@pytest.mark.parametrize("said", [b"", b"{", b"{}", b'{"findings": [{}]}'])
def test_an_answer_that_broke_off_is_critical(door: Any, capsys: pytest.CaptureFixture[str], said: bytes) -> None:
    assert command.main(["--json", "--door", str(door(said))]) == 2
    assert "broke off" in json.loads(capsys.readouterr().out)["findings"][0]["says"]


def test_nobody_at_the_door(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--door", str(tmp_path / "none")]) == 2
    assert "posthouse-status.socket" in capsys.readouterr().out


def test_how_it_starts_itself_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/sbin/status", "serve"])
    assert looking.command() == [sys.executable, "-IB", "/usr/sbin/status"]
