"""The database goes between a letter's copy and the rows by which it is found: nobody loses it, and nobody gets it twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from frontdoor import post
from tests.corpus import unwanted
from tests.faults import faults
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person

#: How often the filter is asked for a letter before the fault is mended.
ATTEMPTS = 3
#: Holds up whoever writes verdicts, until the server stops or half a minute has passed.
HOLD = "LOCK TABLES msgrcpt WRITE; SELECT SLEEP(30)"


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


def turned_away(lab: Lab, since: float) -> int:
    """Count how often the filter said "later" since a moment."""
    line = f"journalctl -q -o cat -t postfix-fixup/smtp --since @{since:.6f} | grep -c status=deferred || true"
    return int(lab.run(lab.exchanger.name, line))


def attempts(lab: Lab, since: float) -> bool:
    """Have what waits before the filter brought again; tell whether that was done often enough."""
    faults.flush(lab)
    return turned_away(lab, since) >= ATTEMPTS


def test_a_letter_to_two_people_is_lost_for_none_and_sent_to_none_twice(
    lab: Lab, content_filter: Filter, readers: dict[str, Person]
) -> None:
    wary, bold = readers["wary"], readers["bold"]
    sample = unwanted.banned()[3]
    with content_filter.policy(bold, {"banned_files_lover": "Y"}):
        with without_rows(content_filter):
            began = time.time()
            ledger = content_filter.send([sample], [wary, bold])
            assert not ledger.refused
            (token,) = ledger.sent
            lab.receive(bold, token, seconds=60)
            assert post.wait_for(lambda: attempts(lab, began), 90, pause=2), turned_away(lab, began)
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
        began = time.time()
        ledger = content_filter.send([sample], wary)
        assert post.wait_for(lambda: turned_away(lab, began), 60)
        assert waiting(lab) == 1
    faults.flush(lab)
    assert content_filter.settle(ledger, wary).classes() == {sample.name: "spam"}
    assert waiting(lab) == 0


def test_a_server_that_stops_while_verdicts_are_written_loses_no_copy(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """One person has the letter already, and then nobody answers who could be told what became of the other one's."""
    wary, bold = readers["wary"], readers["bold"]
    sample = unwanted.banned()[3]
    held = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'content_filter' AND state LIKE '%lock%'"
    with content_filter.policy(bold, {"banned_files_lover": "Y"}):
        lab.run(content_filter.database, f"systemd-run --collect --quiet mariadb quarantine --execute '{HOLD}'")
        began = time.time()
        ledger = content_filter.send([sample], [wary, bold])
        assert not ledger.refused
        assert post.wait_for(lambda: content_filter.sql(held).strip() != "0", 20), "nobody writes verdicts"
        with faults.stopped(lab, "mariadb", [content_filter.database]):
            assert post.wait_for(lambda: turned_away(lab, began), 60)
            assert waiting(lab) == 1
        faults.flush(lab)
        assert content_filter.settle(ledger, wary).classes() == {sample.name: "banned"}
    (token,) = ledger.sent
    assert lab.count(bold, token) == 1
    assert waiting(lab) == 0
