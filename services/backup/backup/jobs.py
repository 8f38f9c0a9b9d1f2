"""What each nightly job did last, for `backup status`: state/NAME.json below the home of backups, replaced whole."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from posthouse import state

#: Jobs by name. Whoever adds one says in report.py how old it may be.
MIRROR, CULL, STATE, DRILL = "mirror", "cull", "state", "drill"
#: Why there was nothing to do: no fault on a machine that is new.
NOBODY = "nobody has mail here yet"


class Imperfect(Exception):  # noqa: N818, because nothing broke: the job came to its end and found what is wrong
    """A job came to its end, and not all is well; the message says why in one sentence."""


@contextmanager
def job(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Record in a folder that a job runs and how it ended. The mapping yielded becomes its detail. Lets every exception pass.

    The record: state (running, fine, failed), began, ended and fine (the last good end), all seconds since 1970, fault (a sentence)
    and detail, which is that of the job before while one runs.
    """
    path = folder / f"{name}.json"
    detail: dict[str, Any] = {}
    record = {"fine": 0.0, "ended": 0.0, "detail": {}, **read(folder, name), "state": "running", "began": time.time(), "fault": ""}
    state.write(path, record, 0o640)
    try:
        yield detail
    except BaseException as fault:
        said = str(fault) or type(fault).__name__
        state.write(path, {**record, "state": "failed", "ended": time.time(), "fault": said, "detail": detail}, 0o640)
        raise
    now = time.time()
    state.write(path, {**record, "state": "fine", "ended": now, "fine": now, "detail": detail}, 0o640)


def amend(folder: Path, name: str, detail: Mapping[str, Any]) -> None:
    """Change what the last run of a job left as its detail, because more is known now. How and when it ended stays."""
    state.write(folder / f"{name}.json", {**read(folder, name), "detail": detail}, 0o640)


def read(folder: Path, name: str) -> dict[str, Any]:
    """Return the record of a job; empty when it never ran here."""
    return state.read(folder / f"{name}.json")
