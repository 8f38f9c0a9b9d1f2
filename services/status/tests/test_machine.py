"""What is said of disks, memory, certificates in files, units and queues."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from services.status.status import machine, queues, replication
from services.status.status.findings import Level, Limits, duration
from services.status.status.settings import Queue

from .conftest import Authority

QUEUE = Queue("inside", "/etc/postfix-inside", Limits(60, 240), Limits(3, 5))
ANYTHING, NOTHING = Limits(0, 0), Limits(101, 101)


def test_each_disk_counts_once(tmp_path: Path) -> None:
    (found,) = machine.disks([str(tmp_path), str(tmp_path), "/no/such/place"], NOTHING)
    assert (found.level, found.about) == (Level.FINE, str(tmp_path))
    (full,) = machine.disks([str(tmp_path)], ANYTHING)
    assert full.level is Level.CRITICAL
    assert full.remedy


@pytest.mark.parametrize(("free", "level"), [(50, Level.FINE), (8, Level.WARNING), (3, Level.CRITICAL)])
def test_memory(free: int, level: Level) -> None:
    text = f"MemTotal:  1000000 kB\nMemFree: 1 kB\nMemAvailable: {free * 10000} kB\n"
    assert machine.memory(Limits(8, 3), text).level is level


def test_a_certificate_in_a_file(authority: Authority, tmp_path: Path) -> None:
    good, old, none = authority.issue(days=90), authority.issue(days=-2), tmp_path / "none"
    none.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    found = machine.certificates([str(good), str(old), str(none), str(tmp_path / "lost")], Limits(21, 7))
    assert [one.level for one in found] == [Level.FINE, Level.CRITICAL, Level.CRITICAL, Level.CRITICAL]
    assert "has been invalid for 2 days" in found[1].says
    assert machine.certificates([str(good)], Limits(21, 7), now=time.time() + 80 * 86400)[0].level is Level.WARNING


def test_programs_that_are_not_there_or_never_end() -> None:
    assert machine.asked(["/no/such/program"], 1)[0] == 127
    assert machine.asked(["sleep", "9"], 0.1)[0] == 124


class Systemctl:
    """A systemctl that says what a test wants."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, states: dict[str, str], failed: str = "") -> None:
        shown = "\n\n".join(f"Id={unit}\nLoadState=loaded\n{state}" for unit, state in states.items())
        program = folder / "systemctl"
        program.write_text(f"#!/bin/sh\nif [ $1 = show ]; then cat <<'EOF'\n{shown}\nEOF\nelse printf '%s' '{failed}'; fi\n")
        program.chmod(0o755)
        monkeypatch.setattr(machine, "_PATH", f"{folder}:/usr/bin:/bin")


UP, DOWN = "ActiveState=active\nSubState=running\nResult=success", "ActiveState=inactive\nSubState=dead\nResult=success"


def test_units_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Systemctl(tmp_path, monkeypatch, {"a.service": UP, "b.timer": UP.replace("running", "waiting")})
    found, down = machine.units(["a.service", "b.timer"], 5)
    assert [one.level for one in found] == [Level.FINE]
    assert not down


def test_a_unit_that_is_down_and_one_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Systemctl(tmp_path, monkeypatch, {"a.service": UP, "b.service": DOWN}, "x.service loaded failed failed X\n")
    found, down = machine.units(["a.service", "b.service"], 5)
    assert {(one.about, one.level) for one in found} == {("b.service", Level.CRITICAL), ("x.service", Level.WARNING)}
    assert down == {"b.service"}


def test_a_unit_that_fails_again_and_again_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Systemctl(tmp_path, monkeypatch, {"a.service": "ActiveState=activating\nSubState=auto-restart\nResult=exit-code"})
    assert machine.units(["a.service"], 5)[1] == {"a.service"}


def letter(age: float, queue: str = "deferred", reason: str = "") -> str:
    recipients = [{"address": "a@b", **({"delay_reason": reason} if reason else {})}]
    return json.dumps({"queue_name": queue, "queue_id": "1", "arrival_time": 1_000_000 - age, "recipients": recipients})


@pytest.mark.parametrize(
    ("lines", "level"),
    [
        ([], Level.FINE),
        ([letter(10)], Level.FINE),
        ([letter(3600)], Level.WARNING),
        ([letter(10), letter(14400)], Level.CRITICAL),
        ([letter(10)] * 3, Level.WARNING),
        ([letter(10)] * 5, Level.CRITICAL),
    ],
)
def test_a_queue_is_judged_by_age_and_number(lines: list[str], level: Level) -> None:
    (found,) = queues.judge(QUEUE, lines, 1_000_000)
    assert found.level is level
    assert found.figures["letters"] == len(lines)


def test_the_commonest_reason_is_told_and_harmless() -> None:
    reasons = ["connect: refused\x1b]0;x\x07"] * 2 + ["other"]
    (found,) = queues.judge(QUEUE, [letter(1, reason=one) for one in reasons], 1_000_000)
    assert "2 because: connect: refused" in found.says
    assert "\x1b" not in found.told()["says"]


def test_what_is_held_is_said_by_itself_and_does_not_age_the_queue() -> None:
    queue, held = queues.judge(QUEUE, [letter(999_999, "hold"), letter(1)], 1_000_000)
    assert (queue.check, queue.level) == ("queue", Level.FINE)
    assert (held.check, held.level, held.figures["held"]) == ("held", Level.WARNING, 1)


NOW = 1_795_386_600.0  # 2026-11-22 22:30:00 UTC
OLD, NEW = "20261121000000.000000Z", "20261122222900.000000Z"


def test_a_replica_that_has_everything_is_fine() -> None:
    assert replication.judge(NEW, NEW, Limits(60, 600), NOW).level is Level.FINE
    # A change may come in between the two questions.
    assert replication.judge(NEW, OLD, Limits(60, 600), NOW).level is Level.FINE


def test_a_replica_that_lacks_a_change_is_late_since_then() -> None:
    found = replication.judge(OLD, NEW, Limits(120, 600), NOW)
    assert (found.level, found.figures["late"]) == (Level.WARNING, 60)
    assert replication.judge(OLD, NEW, Limits(10, 50), NOW).level is Level.CRITICAL


def test_durations_are_words() -> None:
    assert [duration(one) for one in (0, 119, 120, 7199, 7200, 172800, -7200)] == [
        "0 seconds", "119 seconds", "2 minutes", "120 minutes", "2 hours", "2 days", "2 hours",
    ]  # fmt: skip
