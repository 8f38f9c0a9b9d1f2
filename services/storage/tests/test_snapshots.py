"""Snapshots: planned, made, told of, and taken away; LVM's part is played."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.storage.storage import command, snapshots
from services.storage.storage.snapshots import SnapshotError, Wish

from .conftest import Machine

MIB = 1 << 20


class Lvm:
    """Volumes and their snapshots, and what was called."""

    def __init__(self, free: int = 400 * MIB) -> None:
        self.free, self.volumes, self.called, self.broken = free, dict[str, dict[str, str]](), list[str](), ""
        self.dmsetup = "No devices found\n"

    def __call__(self, words: Sequence[str]) -> str:
        self.called.append(words[0])
        if words[0] == self.broken:
            raise SnapshotError(f"{words[0]} failed: on purpose")
        if words[0] == "lvcreate":
            name = words[words.index("--name") + 1]
            tags = ",".join(words[at + 1] for at, word in enumerate(words) if word == "--addtag")
            size = words[words.index("--size") + 1].removesuffix("b")
            self.volumes[name] = {"lv_name": name, "vg_name": "mail", "origin": "home", "lv_size": size, "snap_percent": "0.00"}
            self.volumes[name] |= {"lv_snapshot_invalid": "", "lv_tags": tags}
        if words[0] == "lvremove":
            del self.volumes[words[-1].removeprefix("mail/")]
        if words[0] == "dmsetup":
            return self.dmsetup
        if words[0] == "lvs" and words[-1].startswith("@"):
            return json.dumps({"report": [{"lv": list(self.volumes.values())}]})
        one = {"vg_free": str(self.free), "vg_extent_size": str(4 * MIB), "lv_size": str(1000 * MIB), "lv_active": "active"}
        return json.dumps({"report": [{"lv": [one]}]})


def wish(machine: Machine, **more: Any) -> Wish:
    return Wish(name="night", volume=machine.settings.volumes[0], **more)


def found(machine: Machine, lvm: Lvm, now: float | None = None) -> dict[str, tuple[str, str]]:
    said = snapshots.findings(machine.settings, time.time() if now is None else now, lvm)
    return {one["about"]: (one["level"], one["says"]) for one in said}


@pytest.mark.parametrize(("size", "planned"), [(0, 200), (50 * MIB, 52), (5 << 30, 1008)])
def test_its_size_is_bounded_and_whole_extents(machine: Machine, size: int, planned: int) -> None:
    assert snapshots.plan(machine.settings, wish(machine, size=size), Lvm(2 << 30)) == planned * MIB


def test_it_is_made_mounted_told_and_taken_away(machine: Machine) -> None:
    lvm = Lvm()
    made = snapshots.create(machine.settings, wish(machine, hours=2), lvm)
    assert made.path == f"{machine.settings.snapshots}/night"
    assert made.told()["size"] == 200 * MIB
    assert lvm.called.index("lvcreate") < lvm.called.index("mount")
    lvm.dmsetup = "mail-posthouse--snapshot--night: 0 2048000 snapshot 16/409600 16\nmail-home: 0 1 snapshot-origin 253:1\n"
    assert found(machine, lvm)["snapshot night"][0] == "fine"
    assert snapshots.remove(machine.settings, "night", lvm)
    lvm.dmsetup = ""
    assert found(machine, lvm) == {}
    assert not list(Path(machine.settings.snapshots).iterdir())
    assert not snapshots.remove(machine.settings, "night", lvm)


def test_what_is_mounted_elsewhere_is_no_snapshot(machine: Machine) -> None:
    lvm = Lvm()
    for name in ("../../mnt/home", "..", "/mnt/home", ""):
        with pytest.raises(SnapshotError, match="cannot be a snapshot's name"):
            snapshots.remove(machine.settings, name, lvm)
    assert lvm.called == []


def test_without_room_it_is_refused_before_anything_is_done(machine: Machine) -> None:
    lvm = Lvm(free=100 * MIB)
    with pytest.raises(SnapshotError, match="100 MiB free and the snapshot wants 200"):
        snapshots.create(machine.settings, wish(machine), lvm)
    assert "lvcreate" not in lvm.called
    assert found(machine, lvm) == {}


@pytest.mark.parametrize("name", ["", "Night", "../x", "a b", "-a", "a" * 42])
def test_names_are_names(machine: Machine, name: str) -> None:
    with pytest.raises(SnapshotError, match="cannot be a snapshot's name"):
        snapshots.plan(machine.settings, Wish(name, machine.settings.volumes[0]), Lvm())


def test_one_name_is_one_snapshot(machine: Machine) -> None:
    lvm = Lvm()
    snapshots.create(machine.settings, wish(machine), lvm)
    with pytest.raises(SnapshotError, match="there is a snapshot night"):
        snapshots.create(machine.settings, wish(machine), lvm)
    assert len(lvm.volumes) == 1


def test_one_that_cannot_be_mounted_leaves_nothing_behind(machine: Machine) -> None:
    lvm = Lvm()
    lvm.broken = "mount"
    with pytest.raises(SnapshotError, match="mount failed"):
        snapshots.create(machine.settings, wish(machine), lvm)
    assert not lvm.volumes
    assert found(machine, lvm) == {}


def test_what_was_interrupted_is_told_and_can_be_taken_away(machine: Machine) -> None:
    """The machine lost its power between the word and the deed."""
    lvm = Lvm()
    lvm.broken = "lvcreate"
    broken_remove, snapshots.remove = snapshots.remove, lambda *_: False
    try:
        with pytest.raises(SnapshotError):
            snapshots.create(machine.settings, wish(machine), lvm)
    finally:
        snapshots.remove = broken_remove
    lvm.broken = ""
    level, says = found(machine, lvm)["snapshot night"]
    assert (level, "left it behind" in says) == ("warning", True)
    assert snapshots.left(machine.settings, lvm) == ["night"]
    snapshots.remove(machine.settings, "night", lvm)
    assert found(machine, lvm) == {}


def test_one_that_is_kept_for_too_long_or_fills_is_told(machine: Machine) -> None:
    lvm = Lvm()
    snapshots.create(machine.settings, wish(machine, hours=1), lvm)
    line = "mail-posthouse--snapshot--night: 0 2048000 snapshot {} 16\n"
    lvm.dmsetup = line.format("16/409600")
    assert "should have been taken away by" in found(machine, lvm, time.time() + 3700)["snapshot night"][1]
    lvm.dmsetup = line.format("360000/409600")
    assert found(machine, lvm)["snapshot night"][0] == "warning"
    for lost in ("Invalid", "Overflow", "409600/409600"):
        lvm.dmsetup = line.format(lost)
        level, says = found(machine, lvm)["snapshot night"]
        assert (level, "is lost" in says, "the volume itself is well" in says) == ("critical", True, True)


def test_one_of_nobodys_is_told_too(machine: Machine) -> None:
    lvm = Lvm()
    lvm.dmsetup = "mail-posthouse--snapshot--old: 0 2048000 snapshot 16/409600 16\n"
    assert "should have been taken away long ago" in found(machine, lvm)["snapshot old"][1]


def test_a_snapshot_that_somebody_reads_stays(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    lvm = Lvm()
    snapshots.create(machine.settings, wish(machine), lvm)
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    lvm.broken = "umount"
    with pytest.raises(SnapshotError, match=r"stays: umount failed.*it is used by"):
        snapshots.remove(machine.settings, "night", lvm)
    assert lvm.volumes


def test_who_uses_a_snapshot_is_named(tmp_path: Path) -> None:
    for number, name, where in (("41", "tar", "/run/s/night/Maildir"), ("42", "sshd", "/")):
        (tmp_path / number / "fd").mkdir(parents=True)
        (tmp_path / number / "comm").write_text(f"{name}\n")
        (tmp_path / number / "cwd").symlink_to("/")
        (tmp_path / number / "fd" / "3").symlink_to(where)
    assert snapshots.users(Path("/run/s/night"), tmp_path) == ["tar (41)"]


def test_words_of_the_command(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "load", lambda _: machine.settings)
    assert command.main(["snapshot", "create", "spool"]) == 2
    assert "there is no volume spool; there are home" in capsys.readouterr().err
    assert command.main(["snapshot", "create", "home", "--size", "much"]) == 2
    assert "is no size" in capsys.readouterr().err
    assert command.main(["snapshot", "remove"]) == 2
    assert tmp_path.exists()
