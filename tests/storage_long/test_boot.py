"""A machine starts while its shelf is away: it lets people in, mail waits, and everything starts by itself when the shelf is back."""

from __future__ import annotations

import time
from functools import partial

from frontdoor import post
from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.storage.outages import cable_pulled, is_serving, plug, without_power

#: An emulated machine lets in after 20 to 60 seconds with its shelf; this is no longer.
USUAL = 120.0


def test_a_boot_without_the_shelf_waits_for_nothing_but_the_shelf(lab: Lab, store: Machine) -> None:
    with cable_pulled(lab, store):
        began = time.monotonic()
        with without_power(lab, store):
            pass
        took = time.monotonic() - began
        # What qemu was told of the card went with the power.
        plug(lab, store, False)
        lab.run(store.name, "systemctl cancel posthouse-storage-health.service 2>/dev/null; true")
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
