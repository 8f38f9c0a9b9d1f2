"""A machine starts while its shelf is away: it lets people in, mail waits, and everything starts by itself when the shelf is back."""

from __future__ import annotations

import subprocess
import time
from functools import partial

from frontdoor import engine, post, virtual
from frontdoor.errors import Refused
from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, to_store
from tests.storage.outages import cable_pulled, is_serving, nothing_was_lost, plug

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


def power_cycle(lab: Lab, machine: Machine) -> float:
    """Cut a machine's power, give it back with the cable to the storage network out, and return after how many seconds it let us in.

    frontdoor.ssh.wait would wait for the end of the boot, which only comes with the shelf.
    """
    before = boot_of(lab, machine)
    subprocess.run(["ssh", "-F", str(lab.ssh_config), "-O", "exit", machine.name], capture_output=True, check=False)
    virtual.power_cut(machine.name)
    engine.podman("start", machine.name)
    began = time.monotonic()
    # What qemu was told of the card went with the power.
    assert post.wait_for(lambda: unplugged(lab, machine), 20)
    assert post.wait_for(lambda: boot_of(lab, machine) not in ("", before), RESTARTED), f"{machine.name} lets nobody in"
    return time.monotonic() - began


def unplugged(lab: Lab, machine: Machine) -> bool:
    """Take a card's carrier, as soon as there is somebody to tell it."""
    try:
        plug(lab, machine, False)
    except Refused:
        return False
    return True


def test_a_boot_without_the_shelf_waits_for_nothing_but_the_shelf(lab: Lab, store: Machine) -> None:
    with cable_pulled(lab, store):
        took = power_cycle(lab, store)
        assert took < USUAL, f"{store.name} let nobody in for {took:.0f} s"
        assert post.wait_for(lambda: "posthouse-storage.service" in lab.run(store.name, "systemctl list-jobs --no-legend"), 30)
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
            # The connection may end before its answer does.
            lab.run(store.name, "systemctl reboot", check=False)
            began = time.monotonic()
            assert post.wait_for(lambda: boot_of(lab, store) not in ("", before), RESTARTED), "it is still stopping"
            print(f"restarted after {time.monotonic() - began:.0f} s without the shelf")
        assert post.wait_for(partial(is_serving, lab, store), USUAL)
    nothing_was_lost(ledger)
