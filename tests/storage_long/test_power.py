"""The mailstore's power is cut while mail flows: what it had acknowledged is there when it is back. Without syncs it would not be."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, to_store
from tests.storage.outages import nothing_was_lost, wait_until_serving, without_power

#: The kernel writes by itself what is 30 seconds old (vm.dirty_expire_centisecs), and so does XFS with its log.
BEFORE_THE_KERNEL_WRITES = 20.0
UNITS = ("dovecot", "postfix")
#: Every call that asks for a disk is answered with success and does nothing (systemd.exec(5), SystemCallFilter, errno 0). What Postfix's
#: unit allows is let go, because a list that allows cannot answer.
WITHOUT_SYNCS = "[Service]\\nSystemCallFilter=\\nSystemCallFilter=~fsync:0 fdatasync:0 sync_file_range:0 msync:0 sync:0 syncfs:0\\n"
DROP_IN = "/run/systemd/system/{}.service.d/zz-without-syncs.conf"


def test_a_power_cut_loses_nothing_that_was_acknowledged(lab: Lab, rosa: Person, store: Machine) -> None:
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow(threads=3, pause=0):
        ledger.acknowledged(30, 120)
        with without_power(lab, store):
            pass
        wait_until_serving(lab, store)
        ledger.acknowledged(3)
    nothing_was_lost(ledger)


@pytest.fixture
def without_syncs(lab: Lab, store: Machine) -> Iterator[None]:
    """Have a Postfix and a Dovecot whose syncs do nothing; /run forgets it with the power."""
    places = [DROP_IN.format(unit) for unit in UNITS]
    for place in places:
        lab.run(store.name, f"mkdir -p $(dirname {place}) && printf '{WITHOUT_SYNCS}' >{place}")
    restart = f"systemctl daemon-reload && systemctl restart {' '.join(UNITS)}"
    try:
        lab.run(store.name, restart, timeout=180)
        yield
    finally:
        # Only where the power was not cut.
        lab.run(store.name, f"if rm {' '.join(places)} 2>/dev/null; then {restart}; fi", timeout=180)


@pytest.mark.usefixtures("without_syncs")
def test_without_syncs_a_power_cut_loses_letters(lab: Lab, rosa: Person, store: Machine) -> None:
    """The control: if this finds nothing missing, the test above proves nothing."""
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    lab.run(store.name, "sync")
    began = time.monotonic()
    with ledger.flow(threads=3, pause=0):
        ledger.acknowledged(8, BEFORE_THE_KERNEL_WRITES)
        cut = time.monotonic() - began
        acknowledged = len(ledger.book.acknowledged)
        with without_power(lab, store):
            pass
    wait_until_serving(lab, store)
    ledger.settled(30)
    missing = ledger.book.missing(ledger.found(), ledger.waiting())
    print(f"cut {cut:.0f} s after the first letter: {len(missing)} of {acknowledged} are gone")
    assert missing, "syncs did nothing and still no letter was lost: this test cannot fail"
