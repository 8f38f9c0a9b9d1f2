"""What an operator hears of copies."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from posthouse.settings import SettingsError

from services.copies.copies import command
from services.copies.copies import report as under_test
from services.copies.copies.handing import AwayError, Queue
from services.copies.copies.settings import load
from services.copies.tests.conftest import NOW

Deliver = Callable[..., str]


def _levels(site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, waiting: Queue | None = None) -> tuple[str, dict[str, str]]:
    monkeypatch.setattr(under_test, "queue", lambda _: waiting or Queue())
    said = under_test.report(site.settings, NOW)
    return said["state"], {one["about"]: one["level"] for one in said["findings"]}


def test_nothing_waits(site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _levels(site, monkeypatch) == ("current", {"waiting": "fine"})


@pytest.mark.parametrize(("age", "state", "level"), [(1799, "current", "fine"), (1800, "late", "warning"), (86400, "stuck", "critical")])
def test_age_is_what_counts(
    site: SimpleNamespace, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, age: int, state: str, level: str
) -> None:
    deliver(int(NOW) - age)
    assert _levels(site, monkeypatch) == (state, {"waiting": level})
    assert _levels(site, monkeypatch, Queue(1, 5, NOW - 86400, "refused")) == ("stuck", {"waiting": "critical"})


def test_what_was_lost_is_told_for_two_days(site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    site.memory.lose("a letter", NOW - 47 * 3600)
    site.memory.refuse("a/b", "it contains / or @", NOW)
    site.memory.write()
    assert _levels(site, monkeypatch) == ("incomplete", {"waiting": "fine", "lost": "warning", "people": "warning"})
    said = under_test.report(site.settings, NOW + 100 * 3600)
    assert [one["about"] for one in said["findings"]] == ["waiting"]


def test_a_queue_that_cannot_be_read_is_said(site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> Queue:
        raise AwayError("no queue")

    monkeypatch.setattr(under_test, "queue", away)
    assert under_test.report(site.settings, NOW)["findings"][0]["level"] == "critical"


def _written(site: SimpleNamespace, tmp_path: Path, **changed: object) -> Path:
    path = tmp_path / "copies.toml"
    values = {"spool": site.settings.spool, "socket": "s", "instance": "i", "state": str(tmp_path), "store": "h", "machines": ["b"]}
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in (values | changed).items()))
    return path


def test_the_command_says_it_in_lines_and_in_json(
    site: SimpleNamespace, deliver: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(under_test, "queue", lambda _: Queue())
    path = str(_written(site, tmp_path))
    assert command.main(["--config", path, "check"]) == 0
    assert command.main(["--config", path, "status"]) == 0
    assert "every copy is on its backup machine" in capsys.readouterr().out
    deliver(int(time.time()) - 3000)
    assert command.main(["--config", path, "status"]) == 1
    assert "1 copy waits" in capsys.readouterr().out
    assert command.main(["--config", path, "status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["state"] == "late"


@pytest.mark.parametrize("changed", [{"machines": []}, {"copies": 2}, {"copies": 0}, {"lifetime_days": 0}, {"unknown": 1}])
def test_a_configuration_without_sense_is_refused(site: SimpleNamespace, tmp_path: Path, changed: dict[str, object]) -> None:
    path = _written(site, tmp_path, **changed)
    with pytest.raises(SettingsError):
        load(path)
    assert command.main(["--config", str(path), "check"]) == 2
