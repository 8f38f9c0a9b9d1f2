"""What restore playbooks ask, and whom they believe."""

from __future__ import annotations

import json
from typing import Any

import pytest

from filter_plugins.restore import restore_arguments, restore_choice


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"person": "joe", "into": "", "to": None, "all": False}, ["--person=joe"]),
        ({"person": "-x", "all": True}, ["--person=-x", "--all"]),
        ({"folder": "A b/ü;$(x)"}, ["--folder=A b/ü;$(x)"]),
        ({"at-once": 4}, ["--at-once=4"]),
    ],
)
def test_options_become_words(options: dict[str, Any], words: list[str]) -> None:
    assert restore_arguments(options) == words


def offer(mirrored: float, letters: int = 1) -> dict[str, Any]:
    return {"rc": 0, "stdout": json.dumps({"mirrored": mirrored, "letters": letters, "faults": []}), "stderr": ""}


def test_the_newest_mirror_is_believed_and_then_whoever_has_more() -> None:
    assert restore_choice({"backup1": offer(10.0, 9), "backup2": offer(20.0), "backup3": offer(20.0, 2)})["host"] == "backup3"


def test_who_cannot_says_why() -> None:
    unknown = {"rc": 1, "stdout": json.dumps({"error": "backup1 keeps nothing of 'x'"}), "stderr": ""}
    away = {"unreachable": True, "msg": "no route"}
    broken = {"rc": 2, "stdout": "", "stderr": "no such option"}
    damaged = {"rc": 1, "stdout": json.dumps({"mirrored": 30.0, "letters": 1, "faults": ["letter 3 is damaged"]})}
    assert restore_choice({"backup1": damaged, "backup2": offer(0.0)})["host"] == "backup2"
    assert restore_choice({"backup1": damaged})["host"] == "backup1"
    assert restore_choice({"backup1": unknown, "backup2": offer(0.0)})["host"] == "backup2"
    chosen = restore_choice({"a": unknown, "b": away, "c": broken, "d": {}})
    assert chosen["host"] == ""
    assert chosen["why"].splitlines() == [
        "a: backup1 keeps nothing of 'x'",
        "b: no route",
        "c: no such option",
        "d: it does not answer",
    ]
