"""Numbers, windows, and counting alone while the database is away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rates.rates.counting import Counter
from services.rates.rates.limits import NONE, Count, Holder, Networks, Numbers, Verdict, judge
from services.rates.rates.local import Local
from services.rates.rates.shared import AwayError, Late, Shared, UncertainError

from .conftest import Clock

AL, BO = Holder("person", "al"), Holder("person", "bo")
TEN = Numbers(5, 10)


@pytest.mark.parametrize(("soft", "hard"), [(11, 10), (-2, 5), (1, -2), (1, 0)])
def test_numbers_that_cannot_be_meant(soft: int, hard: int) -> None:
    with pytest.raises(ValueError, match="soft is not above hard"):
        Numbers(soft, hard)


@pytest.mark.parametrize(
    ("numbers", "hard", "expected"),
    [
        (Numbers(50, 100), 1000, Numbers(500, 1000)),
        (Numbers(50, 100), 3, Numbers(1, 3)),
        (Numbers(50, 100), 0, Numbers(0, 0)),
        (Numbers(50, 100), -1, Numbers(NONE, NONE)),
        (Numbers(NONE, 100), 20, Numbers(NONE, 20)),
        (Numbers(5, NONE), 20, Numbers(20, 20)),
        (Numbers(0, 0), 20, Numbers(20, 20)),
    ],
)
def test_a_persons_own_number_keeps_the_proportion(numbers: Numbers, hard: int, expected: Numbers) -> None:
    assert numbers.with_hard(hard) == expected


@pytest.mark.parametrize(
    ("used", "waiting", "recipients", "hard", "verdict"),
    [
        (0, 0, 10, 10, Verdict.PASS),
        (0, 0, 11, 10, Verdict.HOLD),
        (9, 0, 1, 10, Verdict.PASS),
        (10, 0, 1, 10, Verdict.HOLD),
        (10, 2, 1, 10, Verdict.HOLD),
        (10, 3, 1, 10, Verdict.LATER),
        (0, 3, 10, 10, Verdict.PASS),
        (0, 0, 1, 0, Verdict.HOLD),
        (10**6, 0, 10**6, NONE, Verdict.PASS),
    ],
)
def test_exactly_at_the_number(used: int, waiting: int, recipients: int, hard: int, verdict: Verdict) -> None:
    assert judge(used, waiting, recipients, Numbers(NONE, hard), 3) is verdict


def test_the_longest_prefix_counts() -> None:
    networks = Networks(
        [("192.0.2.0/24", Numbers(1, 2)), ("192.0.2.64/26", Numbers(3, 4)), ("2001:db8::/32", Numbers(5, 6))], Numbers(7, 8)
    )
    for address, hard in (("192.0.2.1", 2), ("192.0.2.65", 4), ("2001:db8::1", 6), ("198.51.100.1", 8), ("2001:db9::1", 8)):
        assert networks.device(address)[1].hard == hard
    with pytest.raises(ValueError, match="does not appear"):
        networks.device("unknown")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1::/64", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::25", "2001:db8:0:2::25"),
    ],
)
def test_with_ipv6_a_network_is_one_device(address: str, name: str) -> None:
    """Or who changes the address with each letter would never reach a limit."""
    networks = Networks([("2001:db8::/32", TEN), ("2001:db8:0:2::25/128", Numbers(1, 2))], TEN)
    assert networks.device(address)[0] == Holder("device", name)


def test_a_window_slides(clock: Clock) -> None:
    local = Local(3600, 3, clock)
    assert [local.count(AL, 5, TEN).verdict for _ in range(3)] == [Verdict.PASS, Verdict.PASS, Verdict.HOLD]
    clock.now += 1800
    assert local.count(BO, 10, TEN).verdict is Verdict.PASS
    clock.now += 1799.9
    assert local.count(AL, 1, TEN).verdict is Verdict.HOLD
    clock.now += 0.2
    assert local.used(AL) == (0, 1)
    assert local.count(AL, 10, TEN).verdict is Verdict.PASS
    assert local.all() == [(AL, 10, 1), (BO, 10, 0)]


def test_a_letter_that_is_kept_counts_for_nothing(clock: Clock) -> None:
    local = Local(3600, 3, clock)
    assert local.count(AL, 11, TEN).verdict is Verdict.HOLD
    assert local.count(AL, 10, TEN).verdict is Verdict.PASS


def test_soft_and_hard_are_told_once_a_window(clock: Clock) -> None:
    local = Local(3600, 9, clock)
    told = [(one.tell_soft, one.tell_hard) for one in (local.count(AL, 1, TEN) for _ in range(13))]
    assert told == [(False, False)] * 5 + [(True, False)] + [(False, False)] * 4 + [(False, True)] + [(False, False)] * 2
    clock.now += 3601
    assert local.count(AL, 6, TEN).tell_soft


def test_who_did_nothing_for_a_window_is_forgotten(clock: Clock) -> None:
    local = Local(3600, 3, clock)
    local.count(AL, 6, TEN)
    local.purge()
    assert local.used(AL) == (6, 0)
    clock.now += 3601
    local.purge()
    assert local._records == {}


@given(st.lists(st.tuples(st.integers(1, 7), st.floats(0, 2000)), max_size=60), st.integers(0, 20))
def test_no_window_ever_holds_more_than_the_limit(letters: list[tuple[int, float]], hard: int) -> None:
    clock = Clock()
    local = Local(3600, 10**6, clock)
    passed: list[tuple[float, int]] = []
    for recipients, pause in letters:
        clock.now += pause
        before = sum(count for at, count in passed if at > clock.now - 3600)
        verdict = local.count(AL, recipients, Numbers(NONE, hard)).verdict
        assert (verdict is Verdict.PASS) == (before + recipients <= hard)
        if verdict is Verdict.PASS:
            passed.append((clock.now, recipients))


class Together:
    """A database that is there or not."""

    def __init__(self, clock: Clock) -> None:
        self.local, self.away, self.late, self.purged = Local(3600, 3, clock), False, list[Late](), 0
        self.answer_lost = False

    def _there(self) -> None:
        if self.away:
            raise AwayError("db1: nobody there")

    def _done(self) -> None:
        if self.answer_lost:
            raise UncertainError("db1: no answer to a COMMIT")

    def count(self, holder: Holder, recipients: int, numbers: Numbers) -> Count:
        self._there()
        count = self.local.count(holder, recipients, numbers)
        self._done()
        return count

    def catch_up(self, late: Sequence[Late]) -> None:
        self._there()
        self.late += late
        self._done()

    def used(self, holder: Holder) -> tuple[int, int]:
        self._there()
        return self.local.used(holder)

    def all(self) -> list[tuple[Holder, int, int]]:
        self._there()
        return self.local.all()

    def purge(self) -> int:
        self._there()
        self.purged += 1
        return 0


@pytest.fixture
def together(clock: Clock) -> Together:
    return Together(clock)


def counter_of(together: Together, clock: Clock) -> Counter:
    return Counter(Local(3600, 3, clock), lambda: cast("Shared", together), clock)


def test_machines_share_a_count(together: Together, clock: Clock) -> None:
    one, two = counter_of(together, clock), counter_of(together, clock)
    assert one.count(AL, 6, TEN).tell_soft
    assert two.count(AL, 4, TEN) == Count(Verdict.PASS, 10)
    assert one.count(AL, 1, TEN).verdict is Verdict.HOLD
    assert two.used(AL) == (10, 1)


def test_while_the_database_is_away_a_machine_counts_alone(together: Together, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    counter = counter_of(together, clock)
    counter.count(AL, 4, TEN)
    together.away = True
    # It begins with what went through this machine, and no letter waits for the database again.
    assert counter.count(AL, 6, TEN) == Count(Verdict.PASS, 10, tell_soft=True)
    assert counter.count(AL, 1, TEN).verdict is Verdict.HOLD
    assert counter.used(AL) == (10, 1)
    assert counter.status() == {"state": "away", "away_seconds": 0, "fault": "db1: nobody there", "late": 2}
    counter.upkeep(purge=True)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    clock.now += 61
    for _ in range(2):
        counter.upkeep(purge=False)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    together.away = False
    counter.upkeep(purge=True)
    assert [one[:3] for one in together.late] == [(AL, 6, False), (AL, 1, True)]
    assert together.purged == 1
    assert counter.status()["state"] == "shared"


def test_what_was_counted_alone_is_brought_once_and_whole(together: Together, clock: Clock) -> None:
    counter = counter_of(together, clock)
    together.away = True
    for _ in range(250):
        counter.count(AL, 1, Numbers(NONE, 1000))
    together.away = False
    counter.upkeep(purge=False)
    counter.upkeep(purge=False)
    assert len(together.late) == 250


def test_a_letter_is_not_counted_twice_when_the_answer_was_lost(together: Together, clock: Clock) -> None:
    counter = counter_of(together, clock)
    together.answer_lost = True
    assert counter.count(AL, 6, TEN).verdict is Verdict.PASS
    together.away = True
    assert counter.count(AL, 2, TEN) == Count(Verdict.PASS, 8), "this machine knows of it"
    together.away = False
    for _ in range(2):
        counter.upkeep(purge=False)
        together.answer_lost = False
    assert counter.status()["state"] == "shared"
    assert counter.used(AL) == (6, 0)
    assert [one[:3] for one in together.late] == [(AL, 2, False)]


def test_without_a_database(clock: Clock) -> None:
    counter = Counter(Local(3600, 3, clock), None, clock)
    assert counter.count(AL, 11, TEN).verdict is Verdict.HOLD
    counter.upkeep(purge=True)
    assert counter.status() == {"state": "alone", "away_seconds": None, "fault": None, "late": 0}
