"""Rounds of checks: what is applied, remembered and told."""

from __future__ import annotations

import syslog
from pathlib import Path
from typing import Any

import pytest

from services.blocklists.blocklists.policy import PolicyError
from services.blocklists.blocklists.settings import Settings, parse
from services.blocklists.blocklists.watch import Watch


class Zone:
    """A policy zone in memory."""

    def __init__(self) -> None:
        self.stands: set[str] = set()
        self.broken = ""

    def out(self, names: Any) -> set[str]:
        if self.broken:
            raise PolicyError(self.broken)
        return self.stands & set(names)

    def change(self, out: Any, back: Any) -> None:
        self.stands = (self.stands | set(out)) - set(back)


class Bench:
    """A watch with everything that it touches."""

    def __init__(self, folder: Path, lists: Any) -> None:
        self.folder, self.lists, self.zone = folder, lists, Zone()
        self.told: list[tuple[int, str]] = []
        self.zones = ["a.test", "b.test"]
        for zone in self.zones:
            lists.lists(zone)

    def settings(self) -> Settings:
        return parse({"state": str(self.folder), "failures": 2, "recoveries": 2, "lists": [{"zone": zone} for zone in self.zones]})

    def watch(self, dry: bool = False) -> Watch:
        return Watch(self.settings(), self.lists, self.zone, lambda *said: self.told.append(said), dry)  # type: ignore[arg-type]

    def check(self) -> dict[str, dict[str, Any]]:
        return {entry["zone"]: entry for entry in self.watch().check()["lists"]}


@pytest.fixture
def bench(tmp_path: Path, lists: Any) -> Bench:
    return Bench(tmp_path, lists)


def test_what_lists_the_world_is_taken_out_told_once_and_put_back(bench: Bench) -> None:
    bench.lists.world = {"a.test"}
    assert bench.check()["a.test"]["out"]
    bench.check()
    assert bench.zone.stands == {"a.test"}
    assert [priority for priority, _ in bench.told] == [syslog.LOG_WARNING]
    assert "a.test is taken out, lists the world: it lists 127.0.0.1" in bench.told[0][1]
    bench.lists.world = set()
    assert bench.check()["a.test"]["out"]
    assert not bench.check()["a.test"]["out"]
    assert bench.zone.stands == set()
    assert [priority for priority, _ in bench.told] == [syslog.LOG_WARNING, syslog.LOG_NOTICE]


def test_a_policy_that_was_lost_is_made_again(bench: Bench) -> None:
    bench.lists.world = {"a.test"}
    bench.check()
    bench.zone.stands = {"b.test"}
    bench.check()
    assert bench.zone.stands == {"a.test"}, "what was decided holds, not what happens to stand there"


def test_a_decision_outlives_a_resolver_that_could_not_be_told(bench: Bench) -> None:
    bench.lists.world, bench.zone.broken = {"a.test"}, "REFUSED"
    for _ in range(2):
        report = bench.watch().check()
    assert report["policy"] == "REFUSED"
    assert bench.watch().status()["policy"] == "REFUSED"
    assert [said for _, said in bench.told if "REFUSED" in said] == ["lists cannot be taken out or put back: REFUSED"]
    bench.zone.broken = ""
    assert bench.watch().check()["policy"] == ""
    assert bench.zone.stands == {"a.test"}


def test_a_list_that_left_the_inventory_is_in_nobodys_way(bench: Bench) -> None:
    bench.watch().take_out("b.test", "by hand")
    bench.zones = ["a.test"]
    bench.check()
    assert bench.zone.stands == set()


def test_without_a_resolver_nothing_is_judged(bench: Bench) -> None:
    bench.check()
    bench.lists.alive = False
    bench.lists.known = {}
    for _ in range(5):
        report = bench.watch().check()
    assert not any(entry["out"] or entry["failures"] for entry in report["lists"])
    assert "does not answer" in report["resolver"]
    assert len(bench.told) == 1
    bench.lists.alive = True
    assert bench.watch().check()["resolver"] == "answers"


def test_people_take_out_and_put_back(bench: Bench) -> None:
    report = bench.watch().take_out("b.test", "they moved")
    assert [entry["reason"] for entry in report["lists"]] == ["", "they moved"]
    assert bench.zone.stands == {"b.test"}
    bench.check()
    assert bench.zone.stands == {"b.test"}
    bench.watch().put_back("b.test")
    assert bench.zone.stands == set()
    assert len(bench.told) == 2


def test_a_dry_run_changes_and_tells_nothing(bench: Bench) -> None:
    bench.lists.world = {"a.test"}
    report = bench.watch(dry=True).check()
    assert report["lists"][0]["out"]
    assert bench.zone.stands == set()
    assert bench.told == []
    assert list(bench.folder.iterdir()) == []


def test_a_damaged_file_is_written_anew(bench: Bench) -> None:
    (bench.folder / "status.json").write_text('{"lists": [{"zone": "a.te')
    assert not bench.check()["a.test"]["out"]
    assert bench.watch().status()["lists"][0]["verdict"] == "fine"


def test_one_list_may_be_checked_alone(bench: Bench) -> None:
    bench.watch().check(["b.test"])
    assert all(name.endswith("b.test") for name in bench.lists.asked)
