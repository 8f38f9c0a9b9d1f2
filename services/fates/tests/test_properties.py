"""Whatever is missing, shuffled, doubled or cut: the sums agree, and nothing is raised."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.fates.fates import machine as machines
from services.fates.tests.conftest import EXCHANGER, agrees, count_lines, fates

LINES = EXCHANGER.read_bytes().splitlines()
quickly = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(report: dict[str, Any]) -> None:
    assert agrees(report), report["reconciliation"]
    counts = [number for unit in report["units"].values() for number in unit.values()]
    assert all(number >= 0 for number in counts)
    by_hour = sum(number for units in report["hours"].values() for fates in units.values() for number in fates.values())
    assert by_hour == sum(counts)


@quickly
@given(seed=st.integers(), share=st.floats(0, 1))
def test_missing_lines(seed: int, share: float) -> None:
    chance = random.Random(seed)
    check(count_lines([line for line in LINES if chance.random() >= share]))


@quickly
@given(seed=st.integers(), block=st.integers(1, 400))
def test_shuffled_lines(seed: int, block: int) -> None:
    lines = LINES.copy()
    random.Random(seed).shuffle(lines)
    check(count_lines(lines, block))


@quickly
@given(seed=st.integers(), distance=st.integers(1, 40))
def test_lines_that_are_a_little_out_of_order(seed: int, distance: int) -> None:
    chance = random.Random(seed)
    lines = [line for _, line in sorted((at + chance.random() * distance, line) for at, line in enumerate(LINES))]
    check(count_lines(lines))


@quickly
@given(seed=st.integers(), share=st.floats(0, 1))
def test_doubled_lines(seed: int, share: float) -> None:
    chance = random.Random(seed)
    check(count_lines([line for line in LINES for _ in range(1 + (chance.random() < share))]))


@quickly
@given(seed=st.integers(), share=st.floats(0, 1))
def test_cut_lines(seed: int, share: float) -> None:
    chance = random.Random(seed)
    check(count_lines([line[: chance.randrange(len(line) + 1)] if chance.random() < share else line for line in LINES]))


@quickly
@given(seed=st.integers(), number=st.integers(1, 200))
def test_lines_with_other_bytes(seed: int, number: int) -> None:
    chance = random.Random(seed)
    lines = [bytearray(line) for line in LINES]
    for _ in range(number):
        line = chance.choice(lines)
        line[chance.randrange(len(line))] = chance.randrange(256)
    check(count_lines([part for line in lines for part in bytes(line).split(b"\n")]))


QUEUED = [line for line in LINES if re.search(rb" postfix-[^ ]+: [0-9A-F]{10,}: ", line)]
ACTS = (b"placed on hold", b"released from hold", b"removed")


@quickly
@given(seed=st.integers(), number=st.integers(1, 60))
def test_operators_hold_and_delete_whatever_they_like(seed: int, number: int) -> None:
    chance = random.Random(seed)
    lines = LINES.copy()
    for _ in range(number):
        stamp, host, _, queue_id, _ = chance.choice(QUEUED).split(b" ", 4)
        instance = chance.choice((b"outside", b"fixup", b"inside"))
        act = b" ".join((stamp, host, b"postfix-" + instance + b"/postsuper[9]:", queue_id, chance.choice(ACTS)))
        lines.insert(chance.randrange(len(lines) + 1), act)
    check(count_lines(lines))


@quickly
@given(begin=st.integers(0, len(LINES)), length=st.integers(0, len(LINES)))
def test_a_part_of_the_log(begin: int, length: int) -> None:
    check(count_lines(LINES[begin : begin + length]))


@pytest.mark.parametrize("block", [1, 2, 7, 100])
def test_the_size_of_blocks_changes_nothing(block: int) -> None:
    whole, parts = count_lines(LINES), count_lines(LINES, block)
    assert whole == parts


@pytest.mark.parametrize("wanting", [b": removed", b"DISCONNECT [", b"disconnect from", b": client=", b"CONNECT from"])
def test_what_is_open_stays_bounded_when_lines_of_one_kind_are_gone(wanting: bytes, monkeypatch: Any) -> None:
    monkeypatch.setattr(machines, "MOST", 10)
    monkeypatch.setattr(machines, "LANDED", 10)
    report = count_lines([line for line in LINES if wanting not in line], 5)
    check(report)


def test_losing_one_line_moves_few_fates() -> None:
    """A missing line may cost its message or connection its fate, not those of others."""
    whole = count_lines(LINES)
    for at in range(0, len(LINES), 37):
        report = count_lines(LINES[:at] + LINES[at + 1 :])
        check(report)
        for unit in ("connection", "message"):
            before, after = fates(whole, unit), fates(report, unit)
            moved = sum(abs(before.get(name, 0) - after.get(name, 0)) for name in {*before, *after})
            assert moved <= 3, (LINES[at], before, after)
