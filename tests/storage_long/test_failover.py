"""A mailstore moves to a standby and back: dead, hanging or well, and by runs that end in the middle. Nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from frontdoor import engine, paths, post, virtual
from frontdoor.landscape import Machine
from tests.faults.faults import window
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, through_exchanger, to_store
from tests.storage.outages import nothing_was_lost, plug

#: Seconds for the whole of a failover between two emulated machines.
MOVED = 900.0
#: Tasks of the playbook, in its order. A run that is killed when one begins has done all before it.
STEPS = (
    "It holds nothing any more",
    "shelf : Install, configure and serve",
    "No process of any shelf lets it in",
    "The inventory says where it is",
    "storage : Devices, groups, volumes, file systems and mounts",
    "Letters that wait are this machine's",
    "dns : Install, configure and serve",
)


def move(lab: Lab, store: Machine, to: Machine, ends_before: str = "") -> str:
    """Run the playbook. ends_before: a task at whose beginning the run is killed. Returns what it printed."""
    command = ["ansible-playbook", "-i", str(lab.inventory.folder), "playbooks/failover-mailstore.yml"]
    command += ["-e", f"mailstore={store.name}", "-e", f"to={to.name}"]
    said: list[str] = []
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=paths.CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as run:
        assert run.stdout
        # A run that hangs is a fault, and not the end of this whole run.
        late = threading.Timer(MOVED, os.killpg, (run.pid, signal.SIGKILL))
        late.start()
        for line in run.stdout:
            said.append(line)
            if ends_before and line.startswith("TASK") and ends_before in line:
                os.killpg(run.pid, signal.SIGKILL)
                break
        late.cancel()
    printed = "".join(said)
    assert ends_before or run.returncode == 0, printed[-4000:]
    assert not ends_before or ends_before in printed, printed[-4000:]
    print(f"{store.name} to {to.name}: {time.monotonic() - began:.0f} s" + (f", ended before {ends_before!r}" if ends_before else ""))
    return printed


def forget_connections(lab: Lab, machine: Machine) -> None:
    """End the shared connection, which would hang on a machine that is no more (ControlPersist)."""
    subprocess.run(["ssh", "-F", str(lab.ssh_config), "-O", "exit", machine.name], capture_output=True, check=False)


def answers(lab: Lab, machine: Machine) -> bool:
    """Whether a machine lets us in. One whose disks do not answer never ends its start."""
    try:
        return "here" in lab.run(machine.name, "echo here", check=False, timeout=15)
    except subprocess.TimeoutExpired:
        return False


def await_answer(lab: Lab, machine: Machine) -> None:
    """Wait for it, with a connection of its own."""
    forget_connections(lab, machine)
    assert post.wait_for(partial(answers, lab, machine), virtual.BOOT), f"{machine.name} does not answer"


def state(lab: Lab, machine: Machine) -> list[str]:
    """What a machine says of mail and of its mount."""
    said = lab.run(machine.name, "systemctl is-active postfix dovecot; findmnt -no FSTYPE /mnt/home", check=False, timeout=30)
    return said.split()


def serves(lab: Lab, machine: Machine) -> bool:
    """Whether the mailstore runs on a machine and takes mail there."""
    try:
        with lab.smtp(lab.origin(lab.exchanger.name), machine.address, helo=lab.exchanger.fqdn) as client:
            return state(lab, machine) == ["active", "active", "xfs"] and client.ehlo()[0] == 250
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.fixture
def standby(lab: Lab, store: Machine) -> Iterator[Machine]:
    """Return a machine that stands by. Whatever happens, the mailstore is at home afterwards."""
    found = lab.inventory.machines("standby")
    assert found, "this inventory has no standby: POSTHOUSE_INVENTORY=inventory/lab_storage, after ./lab up --storage"
    with window():
        yield found[0]
        engine.prepare()
        for machine in (store, found[0]):
            engine.podman("start", machine.name)
            await_answer(lab, machine)
        if state(lab, store) != ["active", "active", "xfs"] or (lab.inventory.folder / "host_vars" / store.name / "stand_in.yml").exists():
            move(lab, store, store)


def refuses_an_old_inventory(lab: Lab, store: Machine, standby: Machine) -> None:
    """Whoever has not heard of the failover leads nobody to the old machine."""
    said = lab.inventory.folder / "host_vars" / store.name / "stand_in.yml"
    elsewhere = said.rename(said.with_suffix(".elsewhere"))
    try:
        command = ["ansible-playbook", "-i", str(lab.inventory.folder), "playbooks/site.yml", "--tags", "dns"]
        done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True, check=False, timeout=MOVED)
    finally:
        elsewhere.rename(said)
    assert done.returncode != 0
    assert f"{standby.name} has LUN" in done.stdout
    assert "changed=1" not in done.stdout
    assert serves(lab, standby)


def test_a_dead_mailstore_lives_on_and_comes_home(lab: Lab, rosa: Person, store: Machine, standby: Machine) -> None:
    direct, outside = Ledger(lab, rosa, to_store(lab, rosa)), Ledger(lab, rosa, through_exchanger(lab))
    engine.prepare()
    with outside.flow(threads=1, pause=2):
        with direct.flow(threads=3, pause=0):
            direct.acknowledged(30, 120)
            forget_connections(lab, store)
            virtual.power_cut(store.name)
        outside.acknowledged(3)
        move(lab, store, standby)
        assert serves(lab, standby)
        outside.acknowledged(3)
    nothing_was_lost(outside)
    nothing_was_lost(direct)

    # It comes back by itself, and is nobody: no mail, no mount, and no LUN that would answer it.
    engine.podman("start", store.name)
    await_answer(lab, store)
    assert state(lab, store)[:2] == ["inactive", "inactive"]
    assert "mail" not in lab.run(store.name, "vgs --foreign --noheadings -o vg_name", check=False)
    assert serves(lab, standby)
    refuses_an_old_inventory(lab, store, standby)

    with outside.flow(threads=1, pause=2):
        move(lab, store, store)
        assert serves(lab, store)
        outside.acknowledged(3)
    nothing_was_lost(outside)
    assert state(lab, standby) == ["inactive", "inactive"]


def test_a_mailstore_that_hangs_without_its_disks_is_put_out(lab: Lab, rosa: Person, store: Machine, standby: Machine) -> None:
    direct, outside = Ledger(lab, rosa, to_store(lab, rosa)), Ledger(lab, rosa, through_exchanger(lab))
    booted = lab.run(store.name, "cat /proc/sys/kernel/random/boot_id")
    with outside.flow(threads=1, pause=2):
        with direct.flow(threads=3, pause=0):
            direct.acknowledged(30, 120)
            plug(lab, store, False)
            time.sleep(5)  # letters are under way, and hang
        try:
            move(lab, store, standby)
            assert serves(lab, standby)
        finally:
            plug(lab, store, True)
        outside.acknowledged(3)
    nothing_was_lost(outside)
    nothing_was_lost(direct)
    # What it could not write it has forgotten.
    await_answer(lab, store)
    assert lab.run(store.name, "cat /proc/sys/kernel/random/boot_id") != booted
    move(lab, store, store)
    assert post.wait_for(partial(serves, lab, store), 60)
    nothing_was_lost(direct)


def test_a_run_that_ends_anywhere_is_repeated_or_turned_round(lab: Lab, rosa: Person, store: Machine, standby: Machine) -> None:
    outside = Ledger(lab, rosa, through_exchanger(lab))
    with outside.flow(threads=1, pause=2):
        outside.acknowledged(3)
        for step in STEPS:
            move(lab, store, standby, ends_before=step)
            assert not (serves(lab, store) and serves(lab, standby)), f"both serve, after {step!r}"
        move(lab, store, standby)
        assert serves(lab, standby)
        # The other way, and half-way round again.
        move(lab, store, store, ends_before=STEPS[4])
        move(lab, store, standby, ends_before=STEPS[2])
        move(lab, store, store)
        assert serves(lab, store)
        outside.acknowledged(3)
    nothing_was_lost(outside)


def test_who_holds_the_disks_is_not_let_in_a_second_time(lab: Lab, store: Machine, standby: Machine) -> None:
    """A machine that was cut off in the middle keeps what it could not write, and must not write it over what came since."""
    lab.run(standby.name, "dmsetup create mail-home --table '0 8 error'", timeout=60)
    try:
        command = ["ansible-playbook", "-i", str(lab.inventory.folder), "playbooks/failover-mailstore.yml"]
        command += ["-e", f"mailstore={store.name}", "-e", f"to={standby.name}"]
        done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True, check=False, timeout=MOVED)
        assert done.returncode != 0
        assert "volume mail-home of group mail is active; reboot this machine" in done.stdout
        assert serves(lab, store), "it was refused before anything was done"
    finally:
        lab.run(standby.name, "dmsetup remove mail-home", timeout=60)
