"""The ledger of what went into the content filter and came out: it must notice what is lost, and what came twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.corpus.sample import Sample
from tests.faults.test_filter_faults import IN_FLIGHT, balance, letters
from tests.filtering import Ledger
from tests.journals.exceptions import TABLE

KEPT = {"class": "virus"}


def ledger() -> Ledger:
    """Three letters of which one is infected, each where it belongs."""
    samples = {"t1": Sample("virus-0", b""), "t2": Sample("letter-1", b""), "t3": Sample("letter-2", b"")}
    return Ledger(sent=samples, kept={"t1": KEPT}, arrived=Counter({"t2": 1, "t3": 1}))


def test_a_ledger_that_balances() -> None:
    assert ledger().classes() == {"virus-0": "virus", "letter-1": "arrived", "letter-2": "arrived"}
    balance(ledger())


def test_a_letter_that_is_nowhere_is_missed() -> None:
    found = ledger()
    del found.arrived["t2"]
    assert found.missing() == ["letter-1"]
    with pytest.raises(AssertionError):
        balance(found)


def test_a_virus_that_arrived_is_noticed_although_a_copy_was_kept() -> None:
    found = ledger()
    found.arrived["t1"] += 1
    assert found.classes()["virus-0"] == "arrived"
    with pytest.raises(AssertionError):
        balance(found)


def test_a_letter_that_was_kept_for_nothing_is_noticed() -> None:
    found = ledger()
    found.kept["t2"] = {"class": "spam"}
    del found.arrived["t2"]
    with pytest.raises(AssertionError):
        balance(found)


def test_some_letters_may_come_twice_after_a_crash_and_not_many() -> None:
    found = ledger()
    found.arrived["t2"] += IN_FLIGHT
    balance(found)
    found.arrived["t2"] += 1
    with pytest.raises(AssertionError):
        balance(found)


def test_there_are_infected_letters_among_the_others() -> None:
    names = [sample.name for sample in letters(500)]
    assert len(set(names)) == 500
    assert sum(name.startswith("virus") for name in names) == 20


SAID = [
    "(01-02) (!)NOTICE: HOLD reason: do_7zip: Exceeded storage quota 1048576 bytes by do_7zip-pre; last chunk 4294967294 bytes",
    "(01-02) (!)Exceeded storage quota 179004000 bytes by do_gunzip; last chunk 16384 bytes",
    "(01-02) (!)NOTICE: HOLD reason: Maximum decoding depth (14) exceeded",
    "(01-02-3) (!)terminating process [16] running /usr/bin/7z (reason: Maximum number of files (1500) exceeded at Unpackers.pm line 867",
    "(01-02) (!)process [1646] running /usr/bin/7z is still alive, using a bigger hammer (SIGKILL)",
    "(01-02) (!)Decoding of p003 (Zip archive data, at least v2.0) failed, leaving it unpacked: do_7zip: can't get a list",
]


@pytest.mark.parametrize("line", SAID)
def test_what_the_filter_says_of_bombs_is_excused(line: str) -> None:
    assert any(excuse.allows("amavis", line) for excuse in TABLE)


@pytest.mark.parametrize("line", ["(01-02) (!!)TROUBLE in check_mail: gen_mail_id FAILED", "(01) (!)connect_to_sql: unable to connect"])
def test_what_it_says_of_faults_is_not(line: str) -> None:
    assert not any(excuse.allows("amavis", line) for excuse in TABLE)
