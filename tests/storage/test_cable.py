"""The cable to the shelf is pulled for some seconds while mail flows: deliveries wait, and go on."""

from __future__ import annotations

import time

from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, through_exchanger, to_store
from tests.storage.outages import cable_pulled, nothing_was_lost

#: Longer than a few of aoe's retransmissions, which begin at a fifth of a second and double.
PULLED = 8.0


def test_nothing_is_lost_while_the_cable_is_out(lab: Lab, rosa: Person, store: Machine) -> None:
    straight, by_exchanger = Ledger(lab, rosa, to_store(lab, rosa)), Ledger(lab, rosa, through_exchanger(lab))
    with straight.flow(threads=2), by_exchanger.flow(pause=2):
        straight.acknowledged(3)
        with cable_pulled(lab, store):
            began = time.monotonic()
            # What nobody stores, nobody acknowledges; the exchanger has a disk of its own.
            by_exchanger.acknowledged(2)
            time.sleep(max(0, PULLED / 2 - (time.monotonic() - began)))
            before = len(straight.book.acknowledged)
            time.sleep(PULLED / 2)
            assert len(straight.book.acknowledged) == before, "the mailstore acknowledged what it cannot have stored"
        straight.acknowledged(3)
    nothing_was_lost(straight)
    nothing_was_lost(by_exchanger)
