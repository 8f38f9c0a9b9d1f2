"""Who is rehearsed is left to chance, but for those with whom something was wrong; and what was found is remembered."""

from __future__ import annotations

import argparse
import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from services.backup.backup import drill, jobs
from services.backup.backup.people import Person
from services.backup.backup.rehearse import Fault, Limits, Rehearsed, Ways
from services.backup.backup.settings import Directory, Settings

NAMES = [f"person{number}" for number in range(8)]
Run = Callable[..., dict[str, Any]]


def person(uid: str) -> Person:
    return Person(uid=uid, store="hermes", entry="", kind="", days=30)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for uid in NAMES:
        folder = tmp_path / "people" / uid / "mirror" / ".Sent" / "cur"
        folder.mkdir(parents=True)
        (folder / "1795402567.M785397P3677.hermes,S=10,W=11:2,S").touch()
    (tmp_path / "people" / "empty" / "mirror" / "cur").mkdir(parents=True)
    everybody = [person(uid) for uid in [*NAMES, "empty", "new"]]
    monkeypatch.setattr(drill, "everybody", lambda _: [*everybody, Person("a/b", "", "", "", 30, "it contains /")])
    monkeypatch.setattr(drill, "some", lambda _, uids: [one for one in everybody if one.uid in uids])
    (tmp_path / "state").mkdir()
    directory = Directory(uris=["ldaps://x"], bind_dn="", password="", base="", ca="")
    return Settings(
        hostname="b", home=tmp_path, machines=["b"], default_store="s", stores=["s"], minimum_free=0, directory=directory, drill_people=3
    )


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(bad: dict[str, str] | None = None, **words: Any) -> dict[str, Any]:
        def rehearse(one: Person, scratch: Path, _ways: Ways, limits: Limits, _dice: random.Random) -> Rehearsed:
            scratch.mkdir()
            faults = [Fault(one.uid, "copies", "", "g1", bad[one.uid], lost=True)] if bad and one.uid in bad else []
            return Rehearsed(
                one.uid, folders=2, letters=min(5, limits.letters), size=50, seconds=0.5, read=5, same=5, copies=1, faults=faults
            )

        monkeypatch.setattr(drill, "rehearse", rehearse)
        given = argparse.Namespace(**{"person": None, "people": None, "seed": None, "check": False, "json": True, **words})
        return drill.drill(settings, given, cast("Ways", None))

    return run


def people(detail: dict[str, Any]) -> list[str]:
    return [one["person"] for one in detail["each"]]


def test_chance_chooses_and_the_seed_says_it_again(run: Run, settings: Settings) -> None:
    first = run()
    assert (first["passed"], first["people"], first["letters"], first["copies"], first["lost"]) == (True, 3, 15, 3, 0)
    assert set(people(first)) <= set(NAMES)
    assert people(run(seed=first["seed"])) == people(first)
    assert len({tuple(sorted(people(run()))) for _ in range(20)}) > 5
    known = jobs.read(settings.home / "state", jobs.DRILL)
    assert (known["state"], known["detail"]["people"]) == ("fine", 3)
    assert known["fine"] > 0


def test_who_was_wrong_comes_again_until_it_is_right(run: Run, settings: Settings) -> None:
    run()
    before = jobs.read(settings.home / "state", jobs.DRILL)["fine"]
    bad = dict.fromkeys(NAMES, "is damaged")
    first = run(bad, people=2)
    assert (first["passed"], first["faults_count"], first["lost"], len(first["wrong"])) == (False, 2, 2, 2)
    known = jobs.read(settings.home / "state", jobs.DRILL)
    assert (known["state"], known["fine"]) == ("failed", before)
    assert "letter g1 is damaged" in known["fault"]
    second = run({first["wrong"][0]: "is damaged"}, people=1)
    assert people(second)[:2] == first["wrong"]
    assert len(people(second)) == 3
    assert second["wrong"] == [first["wrong"][0]]
    assert people(run({first["wrong"][0]: "is damaged"}, people=0)) == [second["wrong"][0]]
    third = run()
    assert (people(third)[0], third["passed"], third["wrong"]) == (second["wrong"][0], True, [])


def test_who_is_named_counts_as_no_drill_and_what_is_wrong_is_remembered(run: Run, settings: Settings) -> None:
    assert people(run(person=["person1"])) == ["person1"]
    assert jobs.read(settings.home / "state", jobs.DRILL) == {}
    run()
    before = jobs.read(settings.home / "state", jobs.DRILL)
    bad = {"person1": "is damaged", "person2": "is damaged too"}
    assert not run(bad, person=["person1"])["passed"]
    run(bad, person=["person2", "person3"])
    known = jobs.read(settings.home / "state", jobs.DRILL)
    assert (known["detail"]["wrong"], known["detail"]["lost"]) == (["person2", "person1"], 1)
    assert {**known, "detail": ""} == {**before, "detail": ""}
    run(person=["person1"])
    assert jobs.read(settings.home / "state", jobs.DRILL)["detail"]["wrong"] == ["person2"]
    run(person=["person2"])
    known = jobs.read(settings.home / "state", jobs.DRILL)
    assert (known["detail"]["wrong"], known["detail"]["lost"], known["detail"]["faults"]) == ([], 0, [])
    with pytest.raises(OSError, match="does not have nobody"):
        run(person=["person1", "nobody"])


def test_what_a_drill_that_was_killed_left_behind_goes(run: Run, settings: Settings) -> None:
    left = settings.home / "scratch" / "drill" / "9" / "restored"
    left.mkdir(parents=True)
    run()
    assert not left.exists()


def test_nobody_to_rehearse_is_no_drill(run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "everybody", lambda _: [person("empty"), person("new")])
    detail = run()
    assert (detail["passed"], detail["reason"]) == (False, jobs.NOBODY)
    assert jobs.read(settings.home / "state", jobs.DRILL)["state"] == "failed"


def test_time_ends_a_drill_and_no_time_is_none(run: Run, settings: Settings) -> None:
    object.__setattr__(settings, "drill_minutes", 0)
    detail = run()
    assert (detail["passed"], detail["reason"]) == (False, "there was no time for anybody")


def test_a_full_disk_is_no_drill_and_is_remembered(run: Run, settings: Settings) -> None:
    object.__setattr__(settings, "minimum_free", 1 << 60)
    with pytest.raises(OSError, match="free"):
        run()
    assert "free" in jobs.read(settings.home / "state", jobs.DRILL)["fault"]


def test_what_an_operator_sees(run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    drill.add(parser.add_subparsers())
    run()  # puts a rehearsal in place

    def said(*words: str) -> tuple[int, str]:
        given = parser.parse_args(["drill", *words])
        code = given.run(settings, given)
        told = capsys.readouterr()
        return code, told.out + told.err

    monkeypatch.setattr(drill, "real_ways", lambda _: contextlib.nullcontext())
    code, words = said("--people", "2")
    assert code == 0
    assert "The drill passed: 2 people, 10 letters restored, 10 read, 2 copies" in words
    code, words = said("--check", "--json", "--seed", "3")
    assert (code, len(json.loads(words)["people"])) == (0, 3)
    assert said("--check", "--seed", "3")[1].split() == json.loads(words)["people"]
    code, words = said("--person", "nobody")
    assert code == 1
    assert "the directory does not have nobody" in words
