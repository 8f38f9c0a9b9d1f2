"""What is read from disks, remembered, and done to mount points, with files in the place of disks."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from module_utils.lvm import act, machine, observe
from module_utils.lvm.seen import FRESH, Seen
from module_utils.lvm.wanted import read

MIB = 1 << 20
SIZE = 400 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    path.touch()
    with path.open("r+b") as stream:
        stream.truncate(SIZE)
    return path


def write(disk: Path, place: int, text: bytes = b"x") -> None:
    with disk.open("r+b") as stream:
        stream.seek(place)
        stream.write(text)


def test_zeros_are_nothing(disk: Path) -> None:
    assert machine.head_of(str(disk))[0] is False


@pytest.mark.parametrize("place", [0, 777 * 512, MIB - 1, SIZE // 256 * 100 // 4096 * 4096 + 17, SIZE - 1, SIZE - MIB])
def test_a_byte_is_something(disk: Path, place: int) -> None:
    write(disk, place)
    assert machine.head_of(str(disk))[0] is True


def test_the_whole_last_mebibyte_counts_however_large_the_disk(tmp_path: Path) -> None:
    disk = tmp_path / "quarter"
    disk.write_bytes(bytes(256 * MIB - MIB // 2) + b"x" + bytes(MIB // 2 - 1))
    assert machine.head_of(str(disk))[0] is True


def test_what_lies_beyond_the_head_is_told_apart(disk: Path) -> None:
    write(disk, MIB - 1)
    assert (machine.head_of(str(disk))[0], machine.head_of(str(disk))[2]) == (True, False)
    write(disk, SIZE // 2)
    assert machine.head_of(str(disk))[2] is True


def test_what_was_erased_is_empty_to_the_next_run(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(machine, "run", lambda command: asked.append(command[0]))
    for place in (0, SIZE // 2, SIZE - 1):
        write(disk, place)
    machine.erase(str(disk))
    assert machine.head_of(str(disk))[0] is False
    assert asked == ["wipefs"]
    assert disk.stat().st_size == SIZE


def test_a_file_system_is_whole_when_mkfs_has_ended(disk: Path) -> None:
    assert machine.xfs_on(str(disk)) == (False, 0)
    write(disk, 0, b"XFSB" + struct.pack(">IQ", 4096, 1000))
    assert machine.xfs_on(str(disk)) == (True, 4096000)
    write(disk, 126, b"\1")
    assert machine.xfs_on(str(disk)) == (False, 0), "mkfs was still at it"


def test_what_a_mount_would_hide(tmp_path: Path) -> None:
    for name in ("etc/resolv.conf", "active/4/4ABC", "pid/master.pid"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "incoming").mkdir()
    assert observe.hidden(tmp_path, ["etc", "pid"]) == [str(tmp_path / "active/4/4ABC")]


def test_a_machine_that_has_no_volumes_any_more_has_ordinary_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, made = tmp_path / "home", str(tmp_path / "state/made.json")
    monkeypatch.setattr(act, "MADE", made)
    flags: list[bool] = []
    monkeypatch.setattr(machine, "_set_immutable", lambda _path, *, wanted: flags.append(wanted))
    (home / "Maildir/new").mkdir(parents=True)
    machine.forbid(str(home))
    assert list(home.iterdir()) == []
    assert home.stat().st_mode & 0o777 == 0
    machine.remember(made, {"mail": "uuid", str(home): "mount point"})
    assert act.release(check=True) == [str(home)]
    assert home.stat().st_mode & 0o777 == 0
    assert act.release(check=False) == [str(home)]
    assert home.stat().st_mode & 0o777 == 0o755
    assert machine.remembered(made) == {"mail": "uuid"}
    assert act.release(check=False) == []
    assert flags == [True, False]


def test_a_command_has_nobody_to_ask_and_no_locale_of_anybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("PATH", "/nowhere")
    there, beside = os.pipe()
    os.write(beside, b"y\n")
    os.close(beside)
    kept = os.dup(0)
    os.dup2(there, 0)
    try:
        assert machine.run(["cat"]) == ""
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(there)
    assert machine.run(["printenv", "LC_ALL"]) == "C\n"


def test_a_memory_that_is_damaged_is_no_empty_one(tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    made.write_text('{"mail": ')
    with pytest.raises(machine.CommandError, match="is damaged, by which this machine knows what it made"):
        machine.remembered(str(made))


def test_what_is_mounted_is_known_by_whatever_name(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "/dev/mapper/mail-home /mnt/Größe xfs rw 0 0\n/dev/sdb1 /mnt/a\\040b\\134c xfs rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda _: said)
    assert observe.mounts() == {"/mnt/Größe": "/dev/mapper/mail-home", "/mnt/a b\\c": "/dev/sdb1"}


def test_a_mapped_disk_that_is_mounted_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "mounts", lambda: {"/srv": "/dev/mapper/vault"})
    monkeypatch.setattr("os.path.realpath", lambda node: {"/dev/mapper/vault": "/dev/dm-9"}.get(node, node))
    assert "mounted at /srv" in list(observe.users("/dev/dm-9"))


def test_nothing_is_forbidden_where_something_is_mounted() -> None:
    with pytest.raises(machine.CommandError, match="something has been mounted at /proc"):
        machine.forbid("/proc")


@pytest.mark.parametrize(("state", "running"), [("active", True), ("deactivating", True), ("inactive", False), ("failed", False)])
def test_a_unit_that_is_being_stopped_runs(state: str, running: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "run", lambda _: f"{state}\n")
    assert observe.runs("dovecot.service") is running


def line(**changes: str) -> dict[str, str]:
    return {"lv_name": "home", "lv_size": "1000", "lv_tags": FRESH, "lv_active": "active", "origin": "", **changes}


def test_what_lvm_says_is_read() -> None:
    vg = {"vg_name": "mail", "vg_uuid": "u", "vg_systemid": "apollo", "vg_size": "1254096896", "vg_free": "0", "vg_extent_size": "4194304"}
    pv = {"pv_name": "/dev/etherd/e1.0", "pv_uuid": "p", "pv_size": "1254096896", "pv_in_use": "used"}
    orphan = {"pv_name": "/dev/etherd/e1.1", "pv_uuid": "q", "pv_size": "0", "pv_in_use": "", "vg_name": ""}
    whole = {
        "vg": [{**vg, "vg_missing_pv_count": "0", "vg_exported": ""}],
        "pv": [{**pv, "pe_start": "1048576", "vg_name": "mail"}],
        "lv": [line(), line(lv_name="home.night", origin="home", lv_tags="")],
    }
    seen = Seen()
    lines = observe.report({"report": [whole, {"pv": [{**orphan, "pe_start": "1048576"}]}]}, seen)
    assert [(group.name, group.owner, group.parts[0].real) for group in seen.groups] == [("mail", "apollo", "/dev/etherd/e1.0")]
    assert [(part.group, part.used) for part in seen.parts] == [("mail", True), ("", False)]
    assert lines["mail", "home"]["snapshots"] == ["home.night"]


def test_what_was_made_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = str(tmp_path / "made.json")
    monkeypatch.setattr(observe, "MADE", made)
    options = {
        "system_id": "apollo",
        "takes_over": [],
        "devices": [{"name": "d", "aoe": "1.0"}],
        "groups": [{"name": "mail", "devices": ["d"]}],
    }
    wanted = read({**options, "volumes": [{"name": "home", "group": "mail", "size": "50%", "path": "/mnt/home"}]})
    seen = Seen(made={"old": "o"})
    vg = {"vg_name": "mail", "vg_uuid": "u", "vg_systemid": "", "vg_size": "8", "vg_free": "0", "vg_extent_size": "4"}
    observe.report({"report": [{"vg": [{**vg, "vg_missing_pv_count": "0", "vg_exported": ""}], "lv": [line(), line(lv_name="x")]}]}, seen)
    observe.remember(wanted, seen)
    assert machine.remembered(made) == {"old": "o", "mail": "u", "mail/home": "u"}
