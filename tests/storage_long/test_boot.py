"""A machine starts while its shelf is away: it lets people in, mail waits, and everything starts by itself when the shelf is back."""

from __future__ import annotations

import subprocess
import time
from functools import partial

from frontdoor import post
from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, to_store
from tests.storage.outages import cable_pulled, is_serving, nothing_was_lost, plug, without_power

#: An emulated machine lets in after 20 to 60 seconds with its shelf; this is no longer.
USUAL = 120.0


#: Stopping, with all that has to be given up, and starting.
RESTARTED = 300.0


def boot_of(lab: Lab, machine: Machine) -> str:
    """Return which boot a machine is in; nothing while it is in none."""
    try:
        return lab.run(machine.name, "cat /proc/sys/kernel/random/boot_id", check=False, timeout=15).strip()
    except subprocess.TimeoutExpired:
        return ""


def test_a_boot_without_the_shelf_waits_for_nothing_but_the_shelf(lab: Lab, store: Machine) -> None:
    with cable_pulled(lab, store):
        began = time.monotonic()
        with without_power(lab, store):
            pass
        took = time.monotonic() - began
        # What qemu was told of the card went with the power.
        plug(lab, store, False)
        assert took < USUAL, f"{store.name} let nobody in for {took:.0f} s"
        jobs = lab.run(store.name, "systemctl list-jobs --no-legend")
        assert "posthouse-storage.service" in jobs
        waiting = lab.run(store.name, "systemctl is-active postfix dovecot mnt-home.mount", check=False).split()
        assert set(waiting) <= {"inactive", "activating"}, waiting
        assert lab.run(store.name, "systemctl --failed --no-legend").strip() == ""
        # Nobody makes anything where the mail will be, root included.
        assert "no" in lab.run(store.name, "touch /mnt/home/here 2>/dev/null && echo yes || echo no")
    assert post.wait_for(partial(is_serving, lab, store), USUAL), "what waited for the shelf has not started with it"
    print(f"let in after {took:.0f} s without the shelf")


def test_a_machine_that_waits_for_its_shelf_can_be_restarted(lab: Lab, rosa: Person, store: Machine) -> None:
    before = boot_of(lab, store)
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow(threads=1, pause=1):
        ledger.acknowledged(3)
        with cable_pulled(lab, store):
            lab.run(store.name, "systemctl reboot")
            began = time.monotonic()
            assert post.wait_for(lambda: boot_of(lab, store) not in ("", before), RESTARTED), "it is still stopping"
            print(f"restarted after {time.monotonic() - began:.0f} s without the shelf")
        assert post.wait_for(partial(is_serving, lab, store), USUAL)
    nothing_was_lost(ledger)
