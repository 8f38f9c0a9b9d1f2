"""The database goes between a letter's copy and the rows by which it is found: nobody loses it, and nobody gets it twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.corpus import unwanted
from tests.faults import faults
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person

#: Often enough for the filter to have been asked several times: fixup's first intervals are 15 seconds.
TRIED = 75.0


@contextmanager
def without_rows(content_filter: Filter) -> Iterator[None]:
    """Take away the table into which a letter's verdict for each of its recipients is written, and only that one."""
    with faults.window():
        content_filter.sql("RENAME TABLE msgrcpt TO msgrcpt_away")
        try:
            yield
        finally:
            content_filter.sql("RENAME TABLE msgrcpt_away TO msgrcpt")


def waiting(lab: Lab) -> int:
    """Count the letters that wait before the filter."""
    return len(lab.run(lab.exchanger.name, "postqueue -c /etc/postfix-fixup -j").splitlines())


def test_a_letter_to_two_people_is_lost_for_none_and_sent_to_none_twice(
    lab: Lab, content_filter: Filter, readers: dict[str, Person]
) -> None:
    wary, bold = readers["wary"], readers["bold"]
    sample = unwanted.banned()[3]
    with content_filter.policy(bold, {"banned_files_lover": "Y"}):
        with without_rows(content_filter):
            ledger = content_filter.send([sample], [wary, bold])
            assert not ledger.refused
            (token,) = ledger.sent
            lab.receive(bold, token, seconds=60)
            time.sleep(TRIED)
            assert waiting(lab) == 1
            assert lab.count(bold, token) == 1
        faults.flush(lab)
        assert content_filter.settle(ledger, wary).classes() == {sample.name: "banned"}
    assert lab.count(bold, token) == 1
    assert waiting(lab) == 0


def test_a_copy_without_its_rows_is_no_copy(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """Upstream says 250 here, and the letter is nowhere that anybody looks."""
    wary = readers["wary"]
    sample = unwanted.spam()[0]
    with without_rows(content_filter):
        ledger = content_filter.send([sample], wary)
        time.sleep(10)
        assert waiting(lab) == 1
    faults.flush(lab)
    assert content_filter.settle(ledger, wary).classes() == {sample.name: "spam"}
    assert waiting(lab) == 0
