"""Of every job is known how it ended last, and when it last ended well."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from services.backup.backup import jobs


def test_a_job_that_ends_well(tmp_path: Path) -> None:
    began = time.time()
    with jobs.job(tmp_path, "cull") as detail:
        detail["gone"] = 3
        assert jobs.read(tmp_path, "cull")["state"] == "running"
    known = jobs.read(tmp_path, "cull")
    assert known["state"] == "fine"
    assert known["detail"] == {"gone": 3}
    assert began <= known["began"] <= known["ended"] == known["fine"]


def test_a_job_that_fails_keeps_its_last_good_end(tmp_path: Path) -> None:
    with jobs.job(tmp_path, "cull"):
        pass
    fine = jobs.read(tmp_path, "cull")["fine"]

    def fail() -> None:
        with jobs.job(tmp_path, "cull") as detail:
            detail["gone"] = 1
            raise jobs.Imperfect("one is left")

    with pytest.raises(jobs.Imperfect):
        fail()
    known = jobs.read(tmp_path, "cull")
    assert (known["state"], known["fault"], known["fine"], known["detail"]) == ("failed", "one is left", fine, {"gone": 1})


def test_a_job_that_was_killed_still_runs(tmp_path: Path) -> None:
    with jobs.job(tmp_path, "cull") as detail:
        detail["gone"] = 1
    begun = jobs.job(tmp_path, "cull")
    begun.__enter__()
    known = jobs.read(tmp_path, "cull")
    assert (known["state"], known["detail"]) == ("running", {"gone": 1})


def test_a_job_that_never_ran_is_nothing(tmp_path: Path) -> None:
    assert jobs.read(tmp_path, "cull") == {}
