"""What health finds, and how it speaks of it."""

from __future__ import annotations

import dataclasses
import errno
import logging
import os
import signal
from collections.abc import Iterable
from typing import Any

import pytest

from services.storage.storage import command, health, kernel, snapshots
from services.storage.storage.report import report

from .conftest import Machine

NOW = 1_795_400_100.0


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> list[kernel.Complaint]:
    """Return what the kernel's log will say; nothing of this computer's is read."""
    said: list[kernel.Complaint] = []
    monkeypatch.setattr(kernel, "complaints", lambda after, _: (said, after + len(said)))
    monkeypatch.setattr(kernel, "opened", lambda: os.open("/dev/null", os.O_RDONLY))
    monkeypatch.setattr(snapshots, "findings", lambda *_: [])
    return said


def found(machine: Machine, away: Iterable[str] = (), now: float = NOW) -> dict[str, dict[str, Any]]:
    said = health.look(machine.settings, lambda _, wanted: set(wanted) - set(away), machine.root, now)
    return {one["about"]: one for one in said["findings"]}


def test_all_is_fine_and_told_in_the_words_of_people(machine: Machine) -> None:
    said = found(machine)
    assert {one["level"] for one in said.values()} == {"fine"}, said
    assert said["mail1"]["says"] == "e1.0 = mail1 on san1 answers"
    assert said["mail2"]["says"] == "e1.1 = mail2 answers"
    assert "e1.0 = mail1 on san1 and e1.1 = mail2" in said["home"]["says"]


def test_a_lun_that_is_silent_is_named_and_what_lies_on_it_is_not_touched(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.statvfs", lambda _: pytest.fail("a file system on a silent disk was asked"))
    said = found(machine, ["1.0"])
    assert said["mail1"]["level"] == "critical"
    assert "e1.0 = mail1 on san1 does not answer, since 2026-" in said["mail1"]["says"]
    assert "posthouse-vblade@1.0" in said["mail1"]["remedy"]
    assert said["mail2"]["level"] == "fine"
    assert "e1.0 = mail1 on san1, which does not answer" in said["home"]["says"]


def test_an_outage_keeps_its_beginning_and_is_told_for_an_hour(machine: Machine) -> None:
    found(machine)
    first = found(machine, ["1.0"])["mail1"]["says"]
    assert found(machine, ["1.0"], NOW + 60)["mail1"]["says"] == first
    after = found(machine, now=NOW + 120)["mail1"]
    assert (after["level"], "was away once in the last hour" in after["says"]) == ("warning", True)
    assert found(machine, now=NOW + 120 + 3600)["mail1"]["level"] == "fine"
    found(machine, ["1.0"], NOW + 4000)
    found(machine, now=NOW + 4060)
    health.forget(machine.settings)
    assert found(machine, now=NOW + 4120)["mail1"]["level"] == "fine"


def test_a_card_that_is_not_there_is_no_traceback(machine: Machine) -> None:
    def nobody(*_: object) -> set[str]:
        raise OSError(errno.ENODEV, "No such device")

    said = health.look(machine.settings, nobody, machine.root, NOW)["findings"]
    assert any("aoe0: No such device" in one["says"] for one in said)


@pytest.mark.parametrize(
    ("file", "content", "about", "level", "words"),
    [
        ("sys/class/net/aoe0/carrier", "0", "interface", "critical", "aoe0 has no cable"),
        ("sys/class/net/aoe0/mtu", "1500", "interface", "warning", "packets of 1500 bytes, not 9000"),
        ("sys/class/net/aoe0/carrier_down_count", "2", "interface", "warning", "was away 2 times in the last hour"),
        ("sys/class/block/etherd!e1.0/payload", "1024", "mail1", "warning", "e1.0 = mail1 on san1 is used by frames of 1024 bytes"),
        ("sys/class/block/dm-0/dm/suspended", "1", "home", "critical", "stands still"),
        ("sys/class/block/dm-0/dm/name", "mail-other", "home", "critical", "is not active"),
        ("proc/self/mountinfo", "", "home", "critical", "is not mounted"),
    ],
)
def test_what_is_wrong_is_told(machine: Machine, file: str, content: str, about: str, level: str, words: str) -> None:
    found(machine)
    if file == "proc/self/mountinfo":
        machine.write(file, "70 28 8:1 / /mnt rw - ext4 /dev/sda1 rw")
    else:
        machine.write(file, content)
    said = found(machine)[about]
    assert (said["level"], words in said["says"]) == (level, True), said


def test_a_file_system_that_has_stopped_or_is_full_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        f_blocks, f_bavail, f_files, f_favail = 1000, 100, 1000, 900

    monkeypatch.setattr("os.statvfs", lambda _: Full)
    assert found(machine)["home"]["level"] == "warning"
    Full.f_favail = 10
    assert "99 % full" in found(machine)["home"]["says"]

    def stopped(_: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.statvfs", stopped)
    said = found(machine)["home"]
    assert said["level"] == "critical"
    assert "its file system has stopped" in said["says"]


def test_a_file_system_for_reading_only_is_told_and_the_sandbox_is_not(machine: Machine) -> None:
    line = (machine.root / "proc/self/mountinfo").read_text()
    machine.write("proc/self/mountinfo", line.replace(" rw,noatime ", " ro,noatime "))
    assert found(machine)["home"]["level"] == "fine"
    machine.write("proc/self/mountinfo", line.replace("rw,attr2", "ro,attr2"))
    assert "for reading only" in found(machine)["home"]["says"]


def test_complaints_name_the_luns_and_stay_until_they_are_old_or_seen_to(machine: Machine, no_kernel: list[kernel.Complaint]) -> None:
    no_kernel += [kernel.Complaint("etherd/e1.0", "READ", 6291, NOW, "I/O error"), kernel.Complaint("dm-0", "XFS", -1, NOW, "log error")]
    no_kernel.append(kernel.Complaint("vda", "READ", 1, NOW, "not of ours"))
    said = found(machine)
    assert "e1.0 = mail1 on san1: 1 times" in said["errors etherd/e1.0"]["says"]
    assert "sectors 6291" in said["errors etherd/e1.0"]["says"]
    assert "e1.0 = mail1 on san1 and e1.1 = mail2" in said["errors dm-0"]["says"]
    assert "errors vda" not in said
    no_kernel.clear()
    assert "errors dm-0" in found(machine, now=NOW + 3600)
    health.forget(machine.settings)
    assert "errors dm-0" not in found(machine, now=NOW + 3660)


def test_a_snapshot_that_ran_full_is_no_fault_of_a_disk(machine: Machine, no_kernel: list[kernel.Complaint]) -> None:
    machine.write("sys/class/block/dm-4/dm/name", "mail-posthouse--snapshot--night")
    machine.write("sys/class/block/dm-4/slaves/etherd!e1.0/x", "")
    no_kernel.append(kernel.Complaint("dm-4", "XFS", -1, NOW, "Filesystem has been shut down due to log error (0x2)."))
    assert [about for about in found(machine) if about.startswith("errors ")] == []


def test_a_volume_that_goes_while_it_is_looked_for_is_not_active(machine: Machine) -> None:
    (machine.root / "sys/class/block/dm-0/dm/name").unlink()
    (machine.root / "sys/class/block/dm-7/dm/name").mkdir(parents=True)
    assert "is not active" in found(machine)["home"]["says"]


def test_a_mount_point_is_known_however_it_is_written(machine: Machine) -> None:
    home = machine.root / "Größe a"
    home.mkdir()
    volume = dataclasses.replace(machine.settings.volumes[0], path=f"{home}/")
    machine.settings = dataclasses.replace(machine.settings, volumes=(volume,))
    written = str(home).replace(" ", "\\040")
    machine.write("proc/self/mountinfo", f"70 28 253:0 / {written} rw,noatime - xfs /dev/mapper/mail-home rw,attr2")
    assert found(machine)["home"]["level"] == "fine"


def test_status_reads_what_health_saw_and_says_when_that_is_old(machine: Machine) -> None:
    assert report(machine.settings, NOW)["findings"][0]["says"] == "disks have not been looked at"
    found(machine, ["1.0"])
    assert "does not answer" in report(machine.settings, NOW + 60)["findings"][0]["says"]
    assert "looked at 10 minutes ago" in report(machine.settings, NOW + 600)["findings"][0]["says"]


def test_one_that_never_answered_before_is_new_and_was_not_away(machine: Machine) -> None:
    found(machine, ["1.0"])
    assert found(machine)["mail1"]["level"] == "fine"


def test_a_cable_that_is_away_for_a_moment_is_told_for_an_hour(machine: Machine) -> None:
    found(machine)
    machine.write("sys/class/net/aoe0/carrier_down_count", "1")
    assert "was away once" in found(machine, now=NOW + 60)["interface"]["says"]
    assert found(machine, now=NOW + 120)["interface"]["level"] == "warning"
    machine.write("proc/sys/kernel/random/boot_id", "boot-2")
    assert found(machine, now=NOW + 3700)["interface"]["level"] == "fine"


def logged(machine: Machine, caplog: pytest.LogCaptureFixture, *looks: tuple[str, ...], pace: float = 30, at: float = NOW) -> list[str]:
    """Look so often, with these away each time; return what was logged of the first disk."""
    caplog.set_level(logging.INFO)
    for number, away in enumerate(looks):
        said = health.look(machine.settings, lambda _, wanted, away=away: set(wanted) - set(away), machine.root, at + number * pace)  # type: ignore[misc]
        health.log_changes(said)
    return [record.message for record in caplog.records if "mail1" in record.message and "home" not in record.message]


AWAY = ("1.0",)


def test_what_becomes_worse_is_logged_once_and_when_it_is_well_again(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    words = logged(machine, caplog, (), AWAY, AWAY, AWAY, AWAY, AWAY)
    assert len(words) == 1, words
    assert "e1.0 = mail1 on san1 does not answer" in words[0]
    logged(machine, caplog, (), at=NOW + 300)
    health.forget(machine.settings)
    assert "again: e1.0 = mail1 on san1 answers" in logged(machine, caplog, (), at=NOW + 330)[-1]


def test_a_machine_that_is_new_or_boots_is_silent(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    assert logged(machine, caplog, AWAY, AWAY, AWAY, AWAY, ()) == []
    logged(machine, caplog, (), AWAY, at=NOW + 300)
    machine.write("proc/sys/kernel/random/boot_id", "boot-2")
    assert logged(machine, caplog, AWAY, AWAY, at=NOW + 600) == []


def test_it_looks_again_and_again_until_it_is_told_to_stop(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look(_: object, **__: object) -> dict[str, Any]:
        looks.append(1)
        if len(looks) > 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"log_worse": [], "log_better": []}

    monkeypatch.setattr(health, "look", look)
    monkeypatch.setattr(health, "_AGAIN", 0.01)
    monkeypatch.setattr(command, "load", lambda _: machine.settings)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        assert command.main(["watch"]) == 0
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
    assert len(looks) > 1


def test_nothing_is_asked_for_snapshots_while_there_are_none(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        snapshots, "findings", lambda *_: [{"about": "snapshot x", "level": "fine", "says": "", "remedy": "", "figures": {}}]
    )
    assert "snapshot x" not in found(machine)
    machine.write("sys/class/block/dm-4/dm/name", "mail-posthouse--snapshot--x")
    assert "snapshot x" in found(machine)
    (machine.root / "sys/class/block/dm-4/dm/name").unlink()
    machine.write("state/snapshot-x.json", '{"until": 1}')
    assert "snapshot x" in found(machine)
