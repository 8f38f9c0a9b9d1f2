"""The file system of the homes, or that of the queue, is full: 4xx and a queue, and everything arrives when there is room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from frontdoor import post
from frontdoor.landscape import Machine
from tests.faults.faults import window
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, through_exchanger, to_store
from tests.storage.outages import nothing_was_lost

FILLER = ".posthouse-filler"


@contextmanager
def filled(lab: Lab, store: Machine, mount: str) -> Iterator[None]:
    """Have a file system without room for another letter. XFS has no blocks for root alone."""
    file = f"{mount}/{FILLER}"
    with window():
        try:
            # Some of what df calls free is reserved: whatever a large file leaves is taken by small ones.
            fill = f"fallocate -l $(($(df -B1 --output=avail {mount} | tail -n 1) - 1048576)) {file}; "
            fill += f"i=0; while head -c 65536 /dev/zero >>{file}.$i 2>/dev/null && [ $i -lt 200 ]; do i=$((i+1)); done; "
            fill += f"while head -c 512 /dev/zero >{file}.$i 2>/dev/null && [ $i -lt 900 ]; do i=$((i+1)); done; df -k {mount}"
            print(lab.run(store.name, fill, timeout=180))
            yield
        finally:
            lab.run(store.name, f"rm -f {file}*", timeout=120)


def test_homes_without_room_let_mail_wait(lab: Lab, rosa: Person, store: Machine) -> None:
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    assert ledger.send().sent
    with filled(lab, store, "/mnt/home"):
        sent = [ledger.send() for _ in range(3)]
        taken = [outcome for outcome in sent if outcome.sent]
        assert all(outcome.sent or outcome.code // 100 == 4 for outcome in sent), sent
        if taken:
            refusal = "postqueue -j | grep -cE ' 4[0-9][0-9] |4\\.[0-9]\\.[0-9]'"
            assert post.wait_for(lambda: int(lab.run(store.name, refusal, check=False) or 0) >= len(taken), 60), "nothing waits"
    nothing_was_lost(ledger)


@pytest.mark.parametrize("spare", ["/var/spool/postfix"])
def test_a_queue_without_room_refuses_for_now(lab: Lab, rosa: Person, store: Machine, spare: str) -> None:
    ledger = Ledger(lab, rosa, through_exchanger(lab))
    assert ledger.send().sent
    with filled(lab, store, spare):
        straight = Ledger(lab, rosa, to_store(lab, rosa))
        outcome = straight.send()
        assert outcome.code // 100 == 4, outcome
        assert all(ledger.send().sent for _ in range(3)), "the exchanger has a disk of its own"
    nothing_was_lost(ledger)
