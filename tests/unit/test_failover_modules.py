"""The modules of a failover: who is let in, what a machine still holds, and whose a queue is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from library import queue_accounts, shelf_exports_info, storage_free_info
from module_utils.lvm import observe

CARD = "02:00:00:00:00:25"


def process(proc: Path, number: int, *words: str) -> None:
    (proc / str(number)).mkdir(parents=True)
    (proc / str(number) / "cmdline").write_bytes("\0".join(words).encode() + b"\0" if words else b"")


def test_exports_are_read_from_processes(tmp_path: Path) -> None:
    process(tmp_path, 9, "/usr/sbin/vblade", "-b", "32", "-s", "-m", f"{CARD},02:00:00:00:00:2A", "1", "0", "aoe0", "/srv/shelf/1.0")
    process(tmp_path, 12, "vblade", "1", "01", "aoe0", "/dev/sdb")
    process(tmp_path, 13, "/bin/sh", "-c", "vblade 1 0 aoe0 x")
    process(tmp_path, 2)
    (tmp_path / "self").mkdir()
    assert shelf_exports_info.exports(tmp_path) == [
        {"process": 9, "address": "1.0", "cards": [CARD, "02:00:00:00:00:2a"], "interface": "aoe0", "path": "/srv/shelf/1.0"},
        {"process": 12, "address": "1.1", "cards": [], "interface": "aoe0", "path": "/dev/sdb"},
    ]


@pytest.mark.parametrize("words", [["vblade", "1", "0", "aoe0"], ["vblade", "-z", "1", "0", "aoe0", "x"], ["vblade", "a", "0", "b", "x"]])
def test_a_vblade_that_is_not_understood_is_no_proof(tmp_path: Path, words: list[str]) -> None:
    process(tmp_path, 9, *words)
    with pytest.raises(ValueError, match=r"nobody knows|invalid literal"):
        shelf_exports_info.exports(tmp_path)


@pytest.fixture
def sys(tmp_path: Path) -> Path:
    """A kernel with a disk of its own, a group mail that is active, and a LUN."""
    for number, name in enumerate(["system-root", "mail-home", "mail--old-home"]):
        (tmp_path / "block" / f"dm-{number}" / "dm").mkdir(parents=True)
        (tmp_path / "block" / f"dm-{number}" / "dm" / "name").write_text(name + "\n")
    (tmp_path / "block" / "etherd!e1.0").mkdir()
    (tmp_path / "block" / "etherd!e1.0" / "inflight").write_text("       1        3\n")
    (tmp_path / "class" / "net" / "aoe0").mkdir(parents=True)
    (tmp_path / "class" / "net" / "aoe0" / "carrier").write_text("1\n")
    return tmp_path


def test_a_machine_says_what_it_holds_from_before(sys: Path) -> None:
    assert storage_free_info.held(["mail"], ["1.0"], sys) == [
        "volume mail-home of group mail is active",
        "3 writes to LUN 1.0 wait for an answer",
    ]
    assert storage_free_info.held(["mail-old"], [], sys) == ["volume mail--old-home of group mail-old is active"]
    assert storage_free_info.held(["ma", "mail-home"], ["1.1"], sys) == []
    (sys / "block" / "etherd!e1.0" / "inflight").write_text("       4        0\n")
    assert storage_free_info.held([], ["1.0"], sys) == []


def test_who_serves_is_not_to_be_rebooted_because_an_inventory_is_old() -> None:
    assert storage_free_info.told([]) == []
    one, other, word = storage_free_info.told(["volume mail-home of group mail is active", "3 writes to LUN 1.0 wait for an answer"])
    assert "is active; reboot this machine" in one
    assert "wait for an answer; reboot this machine" in other
    assert "-e by=" in word


def test_a_standby_without_a_cable_is_told(sys: Path) -> None:
    assert storage_free_info.cable("aoe0", sys) == []
    assert storage_free_info.cable("", sys) == []
    assert "there is no interface aoe1: this machine is not prepared" in storage_free_info.cable("aoe1", sys)[0]
    (sys / "class" / "net" / "aoe0" / "carrier").write_text("0\n")
    assert "aoe0 has no carrier" in storage_free_info.cable("aoe0", sys)[0]


def test_what_a_mount_would_hide_is_said_before_anything_is_changed(tmp_path: Path) -> None:
    """A standby's own cron hands in letters while its Postfix is masked (postdrop(1)); role storage then refuses, after the fence."""
    (tmp_path / "maildrop").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    volumes: list[dict[str, Any]] = [
        {"name": "queue", "path": str(tmp_path), "covers": ["etc"]},
        {"name": "home", "path": str(tmp_path / "none")},
    ]
    assert list(storage_free_info.in_the_way(volumes, observe.hidden)) == []
    (tmp_path / "maildrop" / "1A2B").write_text("a letter")
    (problem,) = storage_free_info.in_the_way(volumes, observe.hidden)
    assert problem == f"{tmp_path} has files of its own ({tmp_path}/maildrop/1A2B), which volume queue would hide: move them away"
    assert list(storage_free_info.in_the_way(volumes, observe.hidden, mounted=lambda _: True)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_queue_of_other_numbers_becomes_this_machines(tmp_path: Path) -> None:
    queue = tmp_path / "postfix"
    owners = {
        "active": (70001, 0),
        "active/AA": (70001, 70002),
        "deferred": (70001, 0),
        "deferred/B": (70001, 0),
        "deferred/B/BB": (70001, 70002),
        "maildrop": (70001, 70003),
        "maildrop/CC": (1000, 70003),
        "public": (70001, 70003),
        "pid": (0, 0),
        "etc": (0, 0),
    }
    for name, (user, group) in owners.items():
        path = queue / name
        if path.name.isupper() and len(path.name) == 2:
            path.write_text("a letter")
        else:
            path.mkdir(parents=True)
        os.chown(path, user, group)
    assert queue_accounts.give(queue_accounts.wanted(queue, (80001, 80002), 80003)) == 8
    now = {name: ((queue / name).stat().st_uid, (queue / name).stat().st_gid) for name in owners}
    assert now == {
        "active": (80001, 0),
        "active/AA": (80001, 80002),
        "deferred": (80001, 0),
        "deferred/B": (80001, 0),
        "deferred/B/BB": (80001, 80002),
        "maildrop": (80001, 80003),
        # Who handed it in.
        "maildrop/CC": (1000, 80003),
        "public": (80001, 80003),
        "pid": (0, 0),
        "etc": (0, 0),
    }
    assert list(queue_accounts.wanted(queue, (80001, 80002), 80003)) == []
    assert list(queue_accounts.wanted(tmp_path / "none", (80001, 80002), 80003)) == []


def test_a_letter_that_leaves_while_a_queue_is_looked_at_is_nobodys_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A takeover that is repeated finds Postfix at work."""
    (tmp_path / "active").mkdir()
    (tmp_path / "active" / "AA").write_text("a letter")
    (tmp_path / "incoming").mkdir()

    def walk(queue: Path) -> list[tuple[str, list[str], list[str]]]:
        return [(str(queue), ["active", "incoming"], []), (str(queue / "active"), [], ["AA", "gone"])]

    monkeypatch.setattr(os, "walk", walk)
    user, group = os.getuid(), os.getgid()
    found = queue_accounts.wanted(tmp_path, (user + 1, group + 1), group)
    assert {path.name for path, _, _ in found} <= {"active", "incoming", "AA"}
