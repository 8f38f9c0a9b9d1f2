"""What bench/filter makes of its counters."""

from __future__ import annotations

import json
import os

import pytest

from bench.filter.__main__ import as_object, as_shares
from bench.filter.processors import Reading, between, computer, nanoseconds
from bench.filter.work import Measured, letters
from bench.mail.report import Row

STAT = "cpu  100 20 30 5000 700 4 6 0 0 0\ncpu0 1 1 1 1 1 1 1 0 0 0\n"


def test_waiting_is_not_work() -> None:
    assert computer(STAT) == pytest.approx(160 / os.sysconf("SC_CLK_TCK"))


@pytest.mark.parametrize(("text", "seconds"), [("2500000000", 2.5), ("[not set]", 0.0), (str(2**64 - 1), 0.0), ("", 0.0)])
def test_counters_of_systemd(text: str, seconds: float) -> None:
    assert nanoseconds(text) == seconds


def test_what_no_class_used_is_everything_else() -> None:
    before = Reading({"amavis": 1.0, "clamd": 1.0}, 10.0)
    after = Reading({"amavis": 3.0, "clamd": 1.5}, 13.0)
    assert between(before, after, 10) == pytest.approx({"amavis": 200.0, "clamd": 50.0, "everything else": 50.0})


def test_the_tables() -> None:
    found = Measured([Row("text: whole", 10, 2.0, {"hop": 1.0})], {"text: whole": {"amavis": 90.0, "else": 10.0}})
    said = json.loads(as_object(found))
    assert said["ratios"] == {"text: whole: hop": 0.5}
    assert said["processors"] == {"text: whole": {"amavis": 90.0, "else": 10.0}}
    assert [line.split()[-1] for line in as_shares(found).splitlines()] == [
        "whole",
        "90.0",
        "10.0",
        "100.0",
        f"{10.0 * (os.cpu_count() or 1):.1f}",
    ]


def test_the_letters_are_of_an_ordinary_size() -> None:
    assert 1500 < len(letters()["text"]) < 3000
    assert 1500 < len(letters()["page"]) < 5000
