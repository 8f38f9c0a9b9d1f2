"""Which generation is opened: the newest anywhere, or the one that was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from filter_plugins.site_state import state_generation


def answer(item: str, *generations: tuple[str, str]) -> dict[str, Any]:
    rows = [{"at": at, "machine": machine, "path": f"/srv/backup/site/{machine}/directory-{at}.age"} for at, machine in generations]
    return {"item": item, "stdout": json.dumps({"generations": rows})}


ANSWERS = [
    answer("backup1", ("20261101T040000Z", "ldap1"), ("20261102T040000Z", "ldap1")),
    {"item": "backup2", "unreachable": True},
    answer("backup3", ("20261102T050000Z", "ldap2")),
    {"item": "backup4", "rc": 127, "stdout": ""},
]


@pytest.mark.parametrize(
    ("asked", "host", "at"),
    [
        ({}, "backup3", "20261102T050000Z"),
        ({"machine": "ldap1"}, "backup1", "20261102T040000Z"),
        ({"at": "20261101T040000Z"}, "backup1", "20261101T040000Z"),
    ],
)
def test_state_generation(asked: dict[str, str], host: str, at: str) -> None:
    found = state_generation(ANSWERS, **asked)
    assert (found["host"], found["at"]) == (host, at)


def test_what_is_not_there_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="20261101T040000Z of ldap1"):
        state_generation(ANSWERS, at="20250101T040000Z")
    with pytest.raises(ValueError, match="there are: none"):
        state_generation([])
