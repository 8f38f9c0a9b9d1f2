"""What `./lab test` runs: the order of its stages, and the Python of the other line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from frontdoor import interpreters, suite


def test_journals_are_judged_after_everything_else() -> None:
    assert [stage.name for stage in suite.STAGES][-2:] == ["faults", "journals"]


def test_every_folder_of_tests_has_a_stage() -> None:
    named = {argument for stage in suite.STAGES for argument in stage.arguments}
    assert {"tests/cluster", "tests/faults", "tests/journals", *suite.ON_A_MACHINE} <= named


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
