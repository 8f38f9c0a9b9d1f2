"""Answers of machines, of the world and of the control node make one page and one exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.status.status import page, together
from services.status.status.findings import Finding, Level, Limits, restored

NOW = 1_795_390_000.0
FINE = Finding("disk", "/", Level.FINE, "the disk is empty")
BAD = Finding("queue", "inside", Level.WARNING, "letters wait", "mend it")
WORST = Finding("port", "smtp", Level.CRITICAL, "nobody is there", "start it")


def answer(*found: Finding, at: float = NOW) -> dict[str, Any]:
    return {"stdout": json.dumps({"at": at, "findings": [one.told() for one in found]}), "rc": 0}


def answers(**machines: dict[str, Any]) -> dict[str, Any]:
    return {"title": "example.edu", "at": NOW, "machines": machines, "world": answer(FINE)}


def run(folder: Path, given: dict[str, Any], *words: str) -> int:
    file = folder / "answers.json"
    file.write_text(json.dumps(given))
    return together.main([str(file), *words])


@pytest.mark.parametrize(("found", "code"), [((FINE,), 0), ((FINE, BAD), 1), ((BAD, WORST, FINE), 2)])
def test_the_exit_code_is_the_worst(tmp_path: Path, capsys: pytest.CaptureFixture[str], found: tuple[Finding, ...], code: int) -> None:
    assert run(tmp_path, answers(mx1=answer(*found)), "--json") == code
    told = json.loads(capsys.readouterr().out)
    assert told["code"] == code
    assert told["counts"]["fine"] + told["counts"]["warning"] + told["counts"]["critical"] == len(told["findings"])
    # For programs too the worst comes first.
    assert told["findings"][0]["level"] == told["level"]


def test_the_worst_comes_first_with_what_to_do() -> None:
    text = page.page("example.edu", {"mx1": [FINE, BAD], "mx2": [WORST]}, colours=False, everything=False, at=NOW)
    order = [text.index(word) for word in ("CRITICAL", "nobody is there", "start it", "WARNING", "letters wait", "mend it", "FINE")]
    assert order == sorted(order)
    assert "the disk is empty" not in text
    assert "\x1b" not in text
    assert "the disk is empty" in page.page("example.edu", {"mx1": [FINE]}, colours=False, everything=True)
    assert "\x1b[" in page.page("example.edu", {"mx1": [FINE]}, colours=True, everything=False)


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"unreachable": True, "msg": "No route to host\x1b[2J"}, "cannot be reached: No route to host"),
        ({"rc": 127, "stdout": "", "stderr": "status: not found"}, "has no status"),
        ({"rc": 2, "stdout": "{", "stderr": ""}, "no answer"),
        ({"failed": True, "msg": "Timed out after 20 second(s)."}, "Timed out"),
        ({"stdout": '{"findings": [{"level": "purple"}]}'}, "no answer"),
        ({"stdout": '{"findings": 5}'}, "no answer"),
        ({}, "no answer"),
        (None, "no answer"),
    ],
)
def test_a_machine_that_does_not_answer_is_a_finding(told: Any, word: str) -> None:
    (found,) = together.everything({"machines": {"mx1": told}})["mx1"]
    assert found.level is Level.CRITICAL
    assert word in found.told()["says"]
    assert found.remedy
    assert "\x1b" not in found.told()["says"]


def test_the_world_that_is_not_trusted_drives_no_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = {"check": "x\x1b[31m", "about": "\u202e", "level": "warning", "says": "a\nb\x07" * 900, "remedy": "\x9b2J", "figures": {}}
    run(tmp_path, {**answers(), "world": {"stdout": json.dumps({"findings": [bad]})}}, "--all")
    text = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
    assert len(text) < 2000


@pytest.mark.parametrize("odd", [5, None, [], {}, {"level": "fine"}, {"level": 1, "check": 1, "about": 1, "says": 1}, {"figures": 3}])
def test_what_is_no_finding_is_refused(odd: Any) -> None:
    with pytest.raises(ValueError, match="finding"):
        restored(odd)


def test_a_clock_that_is_off_is_found() -> None:
    machines = {"a": answer(at=NOW), "b": answer(at=NOW + 1), "c": answer(at=NOW - 300)}
    (found,) = together._clocks(machines, Limits(20, 120))
    assert (found.level, "c by 5 minutes" in found.says) == (Level.CRITICAL, True)
    del machines["c"]
    assert together._clocks(machines, Limits(20, 120))[0].level is Level.FINE
    assert together._clocks({"a": {"unreachable": True}}, Limits(20, 120)) == []


SIGNING = {"stage": "signing", "signing": "2026-11-01T00:00:00+00:00", "records": {"example.edu": "v=DKIM1"}}
OLD = {**SIGNING, "signing": "2025-11-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("selectors", "level", "word"),
    [
        ({"one": SIGNING}, Level.FINE, "22 days"),
        ({"one": OLD}, Level.WARNING, "387 days"),
        ({"one": {"stage": "signing", "signing": "2024-11-01"}}, Level.CRITICAL, "days"),
        ({}, Level.CRITICAL, "no key"),
        ({"one": {"stage": "published", "published": "2026-11-21"}}, Level.CRITICAL, "no key"),
        ({"one": SIGNING, "two": {"stage": "published", "published": "2026-08-01"}}, Level.WARNING, "not ended"),
        ({"one": SIGNING, "two": {"stage": "retired", "retired": "2026-08-01", "records": {}}}, Level.FINE, ""),
        ({"one": {"stage": "signing", "signing": "nonsense"}}, Level.FINE, ""),
    ],
)
def test_keys_of_outgoing_mail(selectors: dict[str, Any], level: Level, word: str) -> None:
    found = together.dkim(selectors, Limits(200, 400), NOW)
    assert max(one.level for one in found) is level
    assert word in " ".join(one.says for one in found)


def test_without_keys_and_without_a_world_nothing_is_said_of_them(tmp_path: Path) -> None:
    given = {"machines": {"ldap1": answer(FINE)}, "dkim": None}
    assert list(together.everything(given)) == ["ldap1"]
    assert run(tmp_path, given) == 0


def test_answers_are_kept_for_whoever_paints_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "kept"
    file = tmp_path / "given"
    file.write_text(json.dumps(answers(mx1=answer(BAD))))
    with file.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert together.main(["--keep", str(kept)]) == 1
    assert together.main([str(kept)]) == 1
