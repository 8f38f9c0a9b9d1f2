"""What an operator is told of backups: green when all was done in time, and else what is wrong and what to do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from posthouse import state

from services.backup.backup import report
from services.backup.backup.settings import Directory, Settings
from services.backup.backup.turns import Outcome

NOW = time.time()
HOUR = 3600
DRILL: dict[str, Any] = {"people": 10, "letters": 1234, "copies": 99, "wrong": [], "faults": [], "lost": 0}
MIRROR: dict[str, Any] = {"people": 12, "passed": 12}
SITE: dict[str, Any] = {"sources": {"ldap1/directory": {"newest": NOW - HOUR, "fault": ""}}}
Told = Callable[..., dict[str, report.Finding]]


def job(hours: float, fine: float | None = None, *, fault: str = "", **detail: Any) -> dict[str, Any]:
    """What a job left so many hours ago, and when it was last good."""
    ended = NOW - hours * HOUR
    good = ended if fine is None and not fault else NOW - fine * HOUR if fine is not None else 0.0
    return {"state": "failed" if fault else "fine", "began": ended, "ended": ended, "fine": good, "fault": fault, "detail": detail}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / report.INSTALLED).touch()

    def told(age: float = 1000, **records: Any) -> dict[str, report.Finding]:
        os.utime(folder / report.INSTALLED, (NOW - age * HOUR,) * 2)
        every = {"drill": job(5, **DRILL), "mirror": job(6, **MIRROR), "cull": job(4, removed=7), "state": job(3, **SITE)}
        for name, record in {**every, **records}.items():
            (folder / f"{name}.json").unlink(missing_ok=True)
            if record:
                state.write(folder / f"{name}.json", record)
        directory = Directory(uris=["ldaps://x"], bind_dn="", password="", base="", ca="")
        settings = Settings(
            hostname="b",
            home=tmp_path,
            machines=["b"],
            default_store="s",
            stores=["s"],
            minimum_free=0,
            directory=directory,
            state_machines=["l"],
        )
        return {one.about: one for one in report.findings(settings, NOW)}

    return told


def test_all_is_fine(told: Told) -> None:
    found = told()
    assert set(found) == {"drill", "mirror", "cull", "state", "state ldap1/directory", "room", "holds"}
    assert {one.level for one in found.values()} == {"fine"}, found
    assert not any(one.remedy for one in found.values())
    assert found["drill"].says == "the last drill was good, 5 hours ago: 10 people, 1234 letters, 99 copies"


@pytest.mark.parametrize(("hours", "level"), [(29.9, "fine"), (30, "warning"), (47.9, "warning"), (48, "critical"), (500, "critical")])
def test_no_drill_that_passed_for_two_days_is_critical(told: Told, hours: float, level: str) -> None:
    assert told(drill=job(hours, **DRILL))["drill"].level == level
    # One that did not pass does not count.
    failed = told(drill=job(1, hours, fault="two faults", **DRILL))["drill"]
    assert failed.level == ("warning" if level == "fine" else level)
    assert "two faults" in failed.says
    # A machine that never had one counts from its first day.
    never = told(age=hours, drill=None)["drill"]
    assert (never.level, "no drill yet" in never.says) == (level, True)


def test_who_has_no_mail_yet_is_no_warning_on_the_first_day(told: Told) -> None:
    nobody = job(1, fault="nobody has mail here yet", people=0)
    assert told(age=5, drill=nobody)["drill"].level == "fine"
    assert told(age=50, drill=nobody)["drill"].level == "critical"


def test_damage_is_critical_and_named(told: Told) -> None:
    found = told(
        drill=job(1, 20, fault="one fault", **{**DRILL, "wrong": ["anna\x1b"], "faults": ["copies of anna: it is damaged"], "lost": 1})
    )
    assert (found["damage"].level, found["drill"].level) == ("critical", "warning")
    assert "copies of anna: it is damaged" in found["damage"].says
    assert "\x1b" not in found["damage"].says + found["damage"].remedy
    assert "--person anna" in found["damage"].remedy


def test_what_came_back_otherwise_is_a_warning(told: Told) -> None:
    found = told(drill=job(1, 20, fault="one", **{**DRILL, "wrong": ["anna"], "faults": ["mirror of anna: other flags"]}))
    assert (found["damage"].level, "other flags" in found["damage"].says) == ("warning", True)


@pytest.mark.parametrize(
    ("records", "about", "level", "word"),
    [
        ({"mirror": job(31, **MIRROR)}, "mirror", "warning", "31 hours"),
        ({"mirror": job(55, **MIRROR)}, "mirror", "critical", "2 days"),
        ({"mirror": job(1, 10, fault="no directory", **MIRROR)}, "mirror", "warning", "no directory"),
        ({"mirror": job(1, without={"anna": "no answer"}, without_count=1)}, "mirror without", "warning", "anna: no answer"),
        ({"mirror": job(1, without={str(one): "" for one in range(20)}, without_count=99)}, "mirror without", "warning", "and 93 more"),
        ({"mirror": job(1, late={"anna": "too slow"})}, "mirror late", "warning", "1 people"),
        ({"mirror": job(1, refused={"a/b": "it contains /"})}, "mirror refused", "warning", "a/b: it contains /"),
        ({"mirror": job(1, **Outcome(another={"anna": "INBOX is new"}).detail())}, "mirror another", "critical", "anna"),
        ({"mirror": job(1, **Outcome(unknown={"anna": "no such user"}).detail())}, "mirror unknown", "warning", "no such user"),
        ({"mirror": job(1, **Outcome(refused={"a/b": "it contains /"}).detail())}, "mirror refused", "warning", "a/b"),
        ({"mirror": job(1, **Outcome(not_reached=7).detail())}, "mirror not reached", "warning", "7 people"),
        ({"cull": job(31)}, "cull", "warning", "31 hours"),
        ({"cull": job(1, 80, fault="no directory")}, "cull", "critical", "no directory"),
        ({"state": job(31, **SITE)}, "state", "warning", "31 hours"),
        ({"state": job(1, sources={"l/d": {"newest": NOW - 79 * HOUR, "fault": ""}})}, "state l/d", "critical", "3 days"),
        ({"state": job(1, sources={"l/d": {"newest": NOW - HOUR, "fault": "refused"}})}, "state l/d", "warning", "refused"),
        ({"state": job(1, sources={"l/d": {"newest": 0, "fault": ""}})}, "state l/d", "critical", "nothing of l/d"),
        ({"mirror": {"detail": ["nonsense"]}}, "mirror", "critical", "no mirror run yet"),
    ],
)
def test_what_is_late_or_lacks_somebody_is_said(told: Told, records: dict[str, Any], about: str, level: str, word: str) -> None:
    one = told(**records)[about]
    assert (one.level, bool(one.remedy)) == (level, True)
    assert word in one.says


@pytest.mark.parametrize(("least", "level"), [(1, "fine"), (500, "warning"), (700, "critical"), (1500, "critical")])
def test_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, least: int, level: str) -> None:
    disk = SimpleNamespace(f_bavail=1300, f_frsize=1, f_favail=50, f_files=100)
    monkeypatch.setattr("os.statvfs", lambda _: disk)
    [one] = report._room(SimpleNamespace(home=tmp_path, minimum_free=least))  # type: ignore[arg-type]  # it looks at no more of them
    assert one.level == level
    disk.f_favail = 4
    [one] = report._room(SimpleNamespace(home=tmp_path, minimum_free=1))  # type: ignore[arg-type]  # likewise
    assert one.level == "warning"


def test_a_disk_that_is_away_is_said(tmp_path: Path) -> None:
    [one] = report._room(SimpleNamespace(home=tmp_path / "away", minimum_free=1))  # type: ignore[arg-type]  # likewise
    assert one.level == "critical"


def test_the_status_page_reads_it(told: Told) -> None:
    from services.status.status.findings import Level  # noqa: PLC0415  what another service makes of it
    from services.status.status.programs import read  # noqa: PLC0415  likewise
    from services.status.status.settings import Settings as Looking  # noqa: PLC0415  likewise

    found = [vars_of(one) for one in told(drill=None).values()]
    page = read("backup", json.dumps({"findings": found}), 1, "", Looking(), NOW)
    assert {(one.check, one.about) for one in page if one.level is Level.CRITICAL} == {("backup", "drill")}
    assert len(page) == len(found)


def vars_of(one: report.Finding) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("about", "level", "says", "remedy", "figures")}
