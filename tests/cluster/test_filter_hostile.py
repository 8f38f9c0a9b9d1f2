"""Letters made to wear the filter out end in a verdict, soon, and the filter serves everybody else meanwhile."""

from __future__ import annotations

import time

from tests.corpus import hostile
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person

#: Seconds for all of them together, on two processors that the whole lab shares.
TOGETHER = 100.0
#: A stranger's ordinary letter among them.
MEANWHILE = 60.0


def test_hostile_letters_end_in_a_verdict_and_nobody_waits_long(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    worn, healthy = readers["worn"], readers["healthy"]
    same = "systemctl show --property=NRestarts,ExecMainPID amavis; systemctl show --property=NRestarts,ExecMainPID clamav-daemon"
    # What a killed filter left behind (tests/faults) is not of today.
    unpacked = "find /var/lib/amavis/tmp -mindepth 2 -path '*/parts/*' | wc -l"
    before, left = lab.run(content_filter.machine, same), int(lab.run(content_filter.machine, unpacked))
    started = time.monotonic()
    ledger = content_filter.send(hostile.hostile(), worn)
    # Postfix's own bounds may refuse some of them at the door, which is a verdict too.
    assert all(answer.startswith("5") for answer in ledger.refused.values()), ledger.refused
    token, outcome = lab.send(healthy.mail)
    assert outcome.sent
    lab.receive(healthy, token, seconds=MEANWHILE)
    content_filter.settle(ledger, worn, TOGETHER)
    took = time.monotonic() - started
    assert ledger.missing() == [], (took, ledger.classes())
    assert took < TOGETHER + MEANWHILE
    assert max(ledger.arrived.values(), default=1) == 1
    assert lab.run(content_filter.machine, same) == before, "neither the filter nor its scanner died of them"
    assert int(lab.run(content_filter.machine, unpacked)) <= left, "what was unpacked is gone"
