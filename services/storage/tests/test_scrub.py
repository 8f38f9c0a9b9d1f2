"""Disks are read whole, on from where the last time ended; bad places are found to the block."""

from __future__ import annotations

import errno
import time
from itertools import pairwise
from pathlib import Path

import pytest
from posthouse import state

from services.storage.storage import scrub
from services.storage.storage.settings import Device

from .conftest import Machine

MIB = 1 << 20


class Disk(scrub.Disk):
    """One with places that cannot be read."""

    def __init__(self, size: int, bad: set[int]) -> None:
        self.size, self.bad, self.asked = size, bad, 0

    def read(self, offset: int, length: int) -> bool:
        self.asked += length
        return not any(offset <= place < offset + length for place in self.bad)

    def close(self) -> None:
        """Nothing is open."""


def run(machine: Machine, disks: dict[str, Disk], limit: int = 10**9) -> tuple[bool, list[str]]:
    said: list[str] = []

    def opened(device: Device) -> Disk:
        if device.name not in disks:
            raise OSError(errno.ENOENT, "No such file or directory")
        return disks[device.name]

    whole = scrub.scrub(machine.settings, said.append, lambda: sum(disk.asked for disk in disks.values()) >= limit, opened, lambda _: None)
    return whole, said


def test_disks_that_can_be_read_are(machine: Machine) -> None:
    disks = {"mail1": Disk(3 * MIB + 512, set()), "mail2": Disk(MIB, set())}
    whole, said = run(machine, disks)
    assert whole
    assert [disk.asked for disk in disks.values()] == [3 * MIB + 512, MIB]
    assert any("e1.0 = mail1 on san1: read whole" in line for line in said)
    assert {one["level"] for one in scrub.findings(machine.settings, 0, 0)} == {"fine"}


def test_bad_places_are_named_by_lun_and_byte(machine: Machine) -> None:
    whole, said = run(machine, {"mail1": Disk(3 * MIB, {MIB + 8192, MIB + 8195, 2 * MIB}), "mail2": Disk(MIB, set())})
    assert not whole
    assert f"e1.0 = mail1 on san1: what is at bytes {MIB + 8192} to {MIB + 12288} cannot be read" in said
    finding = scrub.findings(machine.settings, 0, 0)[0]
    places = f"{2 * MIB} to {2 * MIB + 4096}"
    assert finding["level"] == "critical"
    assert finding["says"] == f"e1.0 = mail1 on san1 has 2 places that cannot be read, at bytes {MIB + 8192} to {MIB + 12288}, {places}"
    run(machine, {"mail1": Disk(3 * MIB, set()), "mail2": Disk(MIB, set())})
    assert scrub.findings(machine.settings, 0, 0)[0]["level"] == "fine"


def test_blocks_beside_each_other_are_one_place(machine: Machine) -> None:
    disk = Disk(4 * MIB, set(range(MIB + 4096, 3 * MIB, 4096)))
    run(machine, {"mail1": disk, "mail2": Disk(MIB, set())})
    assert "has 1 place that cannot be read, at bytes 1052672 to 3145728" in scrub.findings(machine.settings, 0, 0)[0]["says"]


def test_a_disk_that_is_bad_all_over_does_not_take_for_ever(machine: Machine) -> None:
    disk = Disk(64 * MIB, set(range(0, 64 * MIB, 8192)))
    run(machine, {"mail1": disk, "mail2": Disk(MIB, set())})
    assert scrub.findings(machine.settings, 0, 0)[0]["figures"] == {"places": 100}
    assert disk.asked < 2 * 64 * MIB


def test_it_goes_on_where_it_was_stopped(machine: Machine) -> None:
    first = Disk(4 * MIB, {0})
    run(machine, {"mail1": first, "mail2": Disk(MIB, set())}, limit=2 * MIB)
    position = state.read(Path(machine.settings.state, scrub.FILE))["mail1"]["position"]
    assert 0 < position < 4 * MIB
    assert scrub.findings(machine.settings, 0, 0)[0]["level"] == "critical"
    second = Disk(4 * MIB, {0})
    run(machine, {"mail1": second, "mail2": Disk(MIB, set())})
    assert second.asked == 4 * MIB - position
    assert scrub.findings(machine.settings, 0, 0)[0]["figures"] == {"places": 1}


def test_a_disk_that_is_away_is_a_finding_and_keeps_no_other_waiting(machine: Machine) -> None:
    disk = Disk(MIB, set())
    assert not run(machine, {"mail2": disk})[0]
    assert disk.asked == MIB
    assert "could not be read for its scrub: No such file" in scrub.findings(machine.settings, 0, 0)[0]["says"]


def test_a_disk_that_was_not_read_for_long_is_a_warning(machine: Machine) -> None:
    day = 86400.0
    assert {one["level"] for one in scrub.findings(machine.settings, 46 * day, 2 * day)} == {"fine"}
    assert {one["level"] for one in scrub.findings(machine.settings, 48 * day, 2 * day)} == {"warning"}
    # Settings that changed yesterday do not make a disk that was read long ago a new one.
    run(machine, {"mail1": Disk(MIB, set()), "mail2": Disk(MIB, set())})
    later = time.time() + 46 * day
    assert {one["level"] for one in scrub.findings(machine.settings, later, later - day)} == {"warning"}


def test_the_pace_is_kept(machine: Machine) -> None:
    slept: list[float] = []
    scrub.scrub(machine.settings.paced(MIB), lambda _: None, open_disk=lambda _: Disk(5 * MIB, set()), sleep=slept.append)
    assert slept[-1] > 3


def test_time_lost_is_not_made_up_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, read_at = [0.0], list[float]()

    class Slow(Disk):
        def read(self, offset: int, length: int) -> bool:
            read_at.append(clock[0])
            clock[0] += 600 if offset == MIB else 0
            return length > 0

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    scrub.scrub(machine.settings.paced(MIB), lambda _: None, open_disk=lambda _: Slow(6 * MIB, set()), sleep=sleep)
    assert all(after - before >= 1 for before, after in pairwise(read_at[2:6])), read_at


def test_a_file_is_read_past_the_cache(tmp_path: Path) -> None:
    file = tmp_path / "disk"
    file.write_bytes(b"x" * (2 * MIB))
    disk = scrub.opened(Device("a", "", str(file)))
    assert disk.size == 2 * MIB
    assert disk.read(MIB, MIB)
    assert not disk.read(2 * MIB, MIB)
    disk.close()
