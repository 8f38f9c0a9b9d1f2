"""Groups are activated when all devices are there, and never those of another machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.storage.storage import activation, snapshots, trim
from services.storage.storage.settings import Device, Group, Settings

LUN = Device("mail1", "1.0", "/dev/etherd/e1.0")
SETTINGS = Settings("apollo", active=True, interface="aoe0", devices=(LUN,), groups=(Group("mail", ["mail1"]),))


class Machine:
    """Answers commands, and has a device after some looks."""

    def __init__(self, owner: str = "apollo", looks: int = 0, failures: int = 0) -> None:
        self.owner, self.looks, self.failures = owner, looks, failures
        self.missing = "1"
        self.asked: list[str] = []

    def ask(self, command: Sequence[str]) -> tuple[int, str]:
        self.asked.append(command[0])
        if command[0] == "vgchange" and self.failures:
            self.failures -= 1
            return 5, "cannot be locked"
        if command[-1].endswith("vg_missing_pv_count"):
            return 0, f"  mail:{self.missing}"
        return 0, f"  mail:{self.owner}" if command[0] == "vgs" else ""

    def there(self, _device: Device) -> bool:
        self.looks -= 1
        return self.looks < 0


def activate(machine: Machine, monkeypatch: pytest.MonkeyPatch, settings: Settings = SETTINGS) -> int:
    monkeypatch.setattr(activation, "there", machine.there)
    monkeypatch.setattr(activation, "discover", lambda _: machine.asked.append("discover"))
    return activation.activate(settings, machine.ask, lambda _: None)


def test_what_is_there_is_activated(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    assert activate(machine, monkeypatch) == 0
    assert machine.asked == ["modprobe", "vgs", "vgchange"]


def test_it_asks_for_the_shelf_until_that_is_there(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(looks=3)
    assert activate(machine, monkeypatch) == 0
    assert machine.asked == ["modprobe", "discover", "discover", "discover", "vgs", "vgchange"]
    assert not caplog.records, "a shelf that needs some seconds is nothing to speak of"


def test_a_shelf_that_stays_away_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    assert activate(Machine(looks=8), monkeypatch) == 0
    assert [record.getMessage().split(":")[0] for record in caplog.records][:1] == ["mail1 (1.0)"]
    assert len(caplog.records) == 2


def test_what_fails_is_tried_again_and_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(failures=3)
    assert activate(machine, monkeypatch) == 0
    assert machine.asked.count("vgchange") == 4
    assert len(caplog.records) == 1


def test_a_group_that_another_machine_has_taken_over_stays_its(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(owner="artemis")
    assert activate(machine, monkeypatch) == 1
    assert "vgchange" not in machine.asked
    assert "mail belongs to artemis, and this machine is apollo" in caplog.text


def test_a_group_of_the_same_name_elsewhere_is_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(owner="apollo\n  mail:web7")
    assert activate(machine, monkeypatch) == 0
    assert machine.asked[-1] == "vgchange"


def test_a_disk_on_which_no_group_lies_keeps_none_waiting(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A run was refused because a second LUN is not exported yet; the machine then boots."""
    caplog.set_level(logging.INFO)
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    machine = Machine(looks=8)
    machine.missing = "0"
    assert activate(machine, monkeypatch) == 0
    assert machine.looks > 0, "it waited"
    assert "mail1 (1.0): no answer, and no group lies on it" in caplog.text


def test_programs_answer_in_no_language_of_the_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    for answer in (activation.run(["printenv", "LC_ALL"])[1], snapshots.run(["printenv", "LC_ALL"]), trim.run(["printenv", "LC_ALL"])[1]):
        assert answer.strip() == "C"


def test_a_standby_touches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    standby = Settings("artemis", active=False, interface="aoe0", devices=(LUN,), groups=SETTINGS.groups)
    assert activate(machine, monkeypatch, standby) == 0
    assert machine.asked == []


def test_a_device_is_there_when_its_shelf_has_answered(tmp_path: Path) -> None:
    state = tmp_path / "sys/block/etherd!e1.0/state"
    state.parent.mkdir(parents=True)
    assert not activation.there(LUN, tmp_path)
    state.write_text("down\n")
    assert not activation.there(LUN, tmp_path)
    state.write_text("up\n")
    assert not activation.there(LUN, tmp_path), "its node is no block device yet"


def test_groups_are_deactivated_though_the_configuration_has_forgotten_them() -> None:
    asked: list[list[str]] = []

    def ask(command: Sequence[str]) -> tuple[int, str]:
        asked.append(list(command))
        return 0, ""

    standby = Settings("artemis", active=False)
    assert activation.deactivate(standby, ["mail"], ask) == 0
    assert activation.deactivate(SETTINGS, [], ask) == 0
    assert activation.deactivate(standby, [], ask) == 0
    assert asked == [["vgchange", "--activate", "n", "mail"]] * 2


def test_a_snapshot_that_is_mounted_does_not_keep_its_group(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def ask(command: Sequence[str]) -> tuple[int, str]:
        asked.append(list(command))
        return 0, ""

    mounts = tmp_path / "proc" / "self" / "mounts"
    mounts.parent.mkdir(parents=True)
    snapshot = f"{SETTINGS.snapshots}/home-1"
    mounts.write_text(f"/dev/mapper/mail-home /mnt/home xfs rw 0 0\n/dev/mapper/mail-posthouse--home--1 {snapshot} xfs ro 0 0\n")
    assert activation.deactivate(SETTINGS, [], ask, tmp_path) == 0
    assert asked == [["umount", snapshot], ["vgchange", "--activate", "n", "mail"]]


def test_patience_ends_with_the_machine_and_not_before(tmp_path: Path) -> None:
    patience = tmp_path / "sys/module/aoe/parameters/aoe_deadsecs"
    patience.parent.mkdir(parents=True)
    patience.write_text("0")
    assert activation.hurry(lambda _: (0, "running"), tmp_path) == 0
    assert patience.read_text() == "0"
    assert activation.hurry(lambda _: (0, "stopping"), tmp_path) == 0
    assert patience.read_text() == "20"
