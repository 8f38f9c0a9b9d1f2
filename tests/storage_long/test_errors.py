"""A disk of the shelf has bad blocks: who looks is told which LUN and where, one letter cannot be read, and mail goes on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from frontdoor import post
from frontdoor.landscape import Machine
from tests.faults.faults import window
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, to_store
from tests.storage.outages import nothing_was_lost, with_hole

LOST = 1 << 20


@pytest.fixture
def short_lun(lab: Lab, store: Machine, shelf: Machine) -> Iterator[str]:
    """Have a LUN whose last megabyte cannot be read: its file ends there, and vblade answers with an error of ATA. Yields its address."""
    lun = next(one for one in lab.inventory.everywhere("shelf_luns") if store.name in one["machines"])
    file, kept = lun["path"], "/run/posthouse-lost-megabyte"
    size = int(lab.run(shelf.name, f"stat -Lc %s {file}"))
    with window():
        try:
            lab.run(store.name, "sync")
            lab.run(shelf.name, f"tail -c {LOST} {file} >{kept} && truncate -s {size - LOST} {file}")
            lab.run(store.name, "echo 3 >/proc/sys/vm/drop_caches")
            yield f"{lun['shelf']}.{lun['slot']}"
        finally:
            # Whatever was written there meanwhile is newer than what was kept, and has made the file longer.
            back = f"test $(stat -Lc %s {file}) -gt {size - LOST} || cat {kept} >>{file}; truncate -s {size} {file}; rm {kept}"
            lab.run(shelf.name, back)


def test_a_scrub_says_which_lun_is_bad_and_where(lab: Lab, rosa: Person, store: Machine, short_lun: str) -> None:
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow(pause=1):
        said = lab.run(store.name, "storage scrub --rate 0", check=False, timeout=900)
        assert short_lun in said, said
        state = lab.run(store.name, "storage health >/dev/null; storage status; echo status $?", check=False)
        assert short_lun in state, state
        assert not state.rstrip().endswith("status 0"), state
    nothing_was_lost(ledger)


@contextmanager
def unreadable(lab: Lab, store: Machine, file: str) -> Iterator[None]:
    """Have the first block of a file fail in the device below the file system (dmsetup(8), target error)."""
    extent = re.search(r"0: \[\d+\.\.\d+\]: (\d+)\.\.(\d+)", lab.run(store.name, f"sync; xfs_bmap {shlex.quote(file)}"))
    assert extent, "xfs_bmap tells no extent"
    first, end = int(extent[1]), int(extent[2]) + 1
    device = lab.run(store.name, "basename $(findmnt -no SOURCE /mnt/home)").strip()
    good = lab.run(store.name, f"dmsetup table {device}")
    with window():
        try:
            _load(lab, store, device, with_hole(good, first, end))
            lab.run(store.name, "echo 3 >/proc/sys/vm/drop_caches")
            yield
        finally:
            _load(lab, store, device, good)


def _load(lab: Lab, store: Machine, device: str, table: str) -> None:
    lab.run(store.name, f"dmsetup load {device} && dmsetup suspend {device}; dmsetup resume {device}", table)


def test_one_letter_that_cannot_be_read_keeps_nobody_from_the_others(lab: Lab, rosa: Person, store: Machine) -> None:
    token, outcome = lab.send(rosa.mail)
    assert outcome.sent, outcome
    lab.receive(rosa, token)
    bad = lab.run(store.name, f"grep -rl {token} /mnt/home/{rosa.uid}/Maildir/new /mnt/home/{rosa.uid}/Maildir/cur").splitlines()[0]
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with unreadable(lab, store, bad):
        assert lab.run(store.name, f"cat {shlex.quote(bad)} >/dev/null 2>&1 && echo read", check=False) == "", "the block can be read"
        with ledger.flow():
            ledger.acknowledged(5)
        # Whoever opens the mailbox sees that the other letters are there.
        with lab.imap(rosa) as client:
            client.select("INBOX", readonly=True)
            _, found = client.search(None, "SINCE", "1-Jan-2020")
        assert len(found[0].split()) >= 1
    assert post.wait_for(lambda: lab.count(rosa, token) == 1, 60), "the letter is gone with the fault"
    nothing_was_lost(ledger)
