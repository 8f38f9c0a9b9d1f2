"""What `./lab test` runs: the order of its stages, and the Python of the other line."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from frontdoor import commands, interpreters, paths, suite
from frontdoor.stages import Stages

PATIENCE = 10.0


def test_journals_are_judged_after_everything_else() -> None:
    assert [stage.name for stage in suite.STAGES if not stage.named][-2:] == ["faults", "journals"]


def test_every_folder_of_tests_has_a_stage() -> None:
    named = {argument for stage in suite.STAGES for argument in stage.arguments}
    assert {"tests/cluster", "tests/faults", "tests/journals", "tests/storage_long", *suite.ON_A_MACHINE} <= named


def test_what_takes_long_is_only_run_when_it_is_named() -> None:
    assert [stage.name for stage in suite.STAGES if stage.named] == ["storage_long"]


@pytest.mark.parametrize(("mine", "other"), [((3, 11, 2), "3.14 or 3.13 or 3.12"), ((3, 12, 0), "3.11"), ((3, 14, 1), "3.11")])
def test_the_other_line_is_the_other_side_of_312(monkeypatch: pytest.MonkeyPatch, mine: tuple[int, int, int], other: str) -> None:
    monkeypatch.setattr(sys, "version_info", mine)
    assert interpreters.missing() == other


def test_a_shim_that_does_not_run_is_no_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for version in ("3.11", "3.12", "3.13", "3.14"):
        shim = folder / f"python{version}"
        shim.write_text("#!/bin/sh\nexit 127\n")
        shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert interpreters.other_line() == ""
    assert interpreters.missing()


class Ran(suite.Suite):
    """Stages that only say when they begin and end; faults goes on until all that stand beside it are through, or the other way round."""

    def __init__(self, last: str, failing: str = "") -> None:
        super().__init__(Stages(quiet=True))
        self.last, self.failing = last, failing
        self.order: list[str] = []
        self.begun = {name: threading.Event() for name in ("faults", "other_python")}
        self.ended = {name: threading.Event() for name in ("faults", "other_python")}

    def run(self, stage: suite.Stage) -> bool:
        self.order.append(stage.name)
        if stage.name in self.begun:
            self.begun[stage.name].set()
        if stage.name == self.last:
            other = ({"faults", "other_python"} - {self.last}).pop()
            assert self.ended[other].wait(PATIENCE), f"{other} waits for {self.last}: they do not run beside each other"
        if stage.name in self.ended:
            self.ended[stage.name].set()
        self.order.append(f"{stage.name} ended")
        return stage.name != self.failing


def several(*names: str) -> list[suite.Stage]:
    return [stage for stage in suite.STAGES if stage.name in names]


@pytest.fixture
def _no_lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "STATE", tmp_path)
    for name in ("prepare", "bring_up", "converge"):
        monkeypatch.setattr(commands, name, lambda _stages, _site: None)


@pytest.mark.usefixtures("_no_lab")
@pytest.mark.parametrize("last", ["faults", "other_python"])
def test_what_needs_no_lab_runs_meanwhile_and_the_run_waits_for_it(last: str) -> None:
    ran = Ran(last)
    suite._all(ran, several("lint", "unit", "other_python", "default", "cluster", "faults"), ran.stages)
    assert [name for name in ran.order if name.split()[0] in {"lint", "unit", "other_python"}] == [
        word for name in ("lint", "unit", "other_python") for word in (name, f"{name} ended")
    ]
    assert [name for name in ran.order if name.split()[0] in {"default", "cluster", "faults"}] == [
        word for name in ("default", "cluster", "faults") for word in (name, f"{name} ended")
    ]
    assert ran.order[-1] == f"{last} ended"


@pytest.mark.usefixtures("_no_lab")
def test_without_a_lab_that_holds_mail_nothing_more_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran("", failing="default")
    suite._all(ran, several("lint", "unit", "other_python", "default", "cluster"), ran.stages)
    assert "other_python ended" in ran.order
    assert "cluster" not in ran.order
    assert "default failed" in capsys.readouterr().err


@pytest.mark.usefixtures("_no_lab")
def test_beside_a_lab_that_is_up_nothing_runs() -> None:
    ran = Ran("")
    suite._all(ran, several("unit", "cluster"), ran.stages)
    assert ran.order == ["unit", "unit ended", "cluster", "cluster ended"]


def test_what_runs_beside_takes_no_processor_from_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "LOGS", tmp_path)
    run, tell = suite.Suite(Stages(quiet=True)), [sys.executable, "-c", "import os; print(os.nice(0))"]
    for name, mine in {"in_front": run, "beside": run.beside()}.items():
        mine.stages.command(name, tell)
    front, beside = (int((tmp_path / f"{name}.log").read_text()) for name in ("in_front", "beside"))
    assert beside == 19
    assert front == os.nice(0)


def test_lines_of_what_runs_beside_are_told_apart_and_everything_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    run = suite.Suite(Stages())
    other = run.beside()
    with other.stages.stage("unit"):
        other.stages.say("FAILED tests/unit/test_x.py")
    with run.stages.stage("default"):
        run.stages.say("FAILED tests/machines/test_y.py")
    run._count("=== 2 passed in 1.00s ===")
    other._count("=== 3 passed in 1.00s ===")
    other.failed.append("unit")
    said = capsys.readouterr().out
    assert "   unit: FAILED tests/unit" in said
    assert "   FAILED tests/machines" in said
    assert (run.counts, run.failed) == ({"passed": 5}, ["unit"])
    assert [name for name, _ in run.stages.walls][-2:] == ["unit", "default"]
