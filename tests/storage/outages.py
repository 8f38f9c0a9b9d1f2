"""What is done to a mailstore's storage, each time undone whatever happens, and written down for tests/journals."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from frontdoor import engine, network, paths, post, virtual
from frontdoor.landscape import Machine
from tests.faults.faults import window
from tests.laboratory import Lab
from tests.storage.ledger import Ledger

#: A machine's second card is the one in the storage network (frontdoor/network.py).
STORAGE_LEG = 1
#: An emulated machine starts in a minute, and finds its shelf after that.
STARTED = 240.0


def plug(lab: Lab, machine: Machine, plugged: bool) -> None:
    """Pull a machine's cable to the storage network, or put it back; a virtual one's card loses its carrier too."""
    network.plug(machine.name, STORAGE_LEG, plugged)
    if machine.name in lab.inventory.groups["storage"]:
        virtual.ask(machine.name, "set_link", {"name": f"card{STORAGE_LEG}", "up": plugged})


@contextmanager
def cable_pulled(lab: Lab, machine: Machine) -> Iterator[None]:
    """Have a machine's cable to the storage network out."""
    with window():
        try:
            plug(lab, machine, False)
            yield
        finally:
            plug(lab, machine, True)


@contextmanager
def without_power(lab: Lab, machine: Machine) -> Iterator[None]:
    """Cut the power of a machine: nothing is written any more, nobody says goodbye. Give it back at the end."""
    with window():
        try:
            engine.prepare()
            # A shared connection to a machine that is no more would hang (ControlPersist).
            subprocess.run(["ssh", "-F", str(lab.ssh_config), "-O", "exit", machine.name], capture_output=True, check=False)
            virtual.power_cut(machine.name)
            yield
        finally:
            engine.podman("start", machine.name)
            virtual.await_boot(machine.name)


def is_serving(lab: Lab, store: Machine) -> bool:
    """Tell whether a mailstore takes mail and shows it."""
    try:
        state = lab.run(store.name, "systemctl is-active postfix dovecot; findmnt -no FSTYPE /mnt/home", check=False, timeout=30)
        with lab.smtp(lab.origin(lab.exchanger.name), store.address, helo=lab.exchanger.fqdn) as client:
            return state.split() == ["active", "active", "xfs"] and client.ehlo()[0] == 250
    except (OSError, subprocess.TimeoutExpired):
        return False


def wait_until_serving(lab: Lab, store: Machine, seconds: float = STARTED) -> None:
    """Wait until a mailstore is back, and what waits elsewhere may try again."""
    began = time.monotonic()
    assert post.wait_for(partial(is_serving, lab, store), seconds), f"{store.name} does not serve {seconds:.0f} s after it was started"
    print(f"{store.name} served again after {time.monotonic() - began:.0f} s")


def nothing_was_lost(ledger: Ledger, seconds: float = 120) -> None:
    """Acknowledged minus found is nothing, and nobody was refused for good."""
    missing = ledger.settled(seconds)
    print(ledger)
    assert ledger.book.acknowledged, f"nothing was acknowledged, so nothing is proved: {ledger.book.refused[-3:]}"
    assert missing == [], f"of {ledger}, {len(missing)} are missing; waiting: {ledger.waiting() & set(missing)}"
    assert ledger.book.final == []


def of_host(lab: Lab, store: Machine, name: str) -> Any:
    """Return what the inventory says of one machine, in a file of its own or of its group."""
    for file in sorted((lab.inventory.folder / "host_vars" / store.name).glob("*.yml")):
        if name in (said := yaml.safe_load(file.read_text()) or {}):
            return said[name]
    return lab.inventory.everywhere(name)


def converge(lab: Lab, folder: Path, values: dict[str, dict[str, Any]], tags: str) -> str:
    """Run the site on some machines with other values of theirs, as if the inventory said so. values: by machine."""
    # An inventory of its own beside ours: its folder of hosts is read later, and so counts more than what ours says of them.
    further = folder / "further"
    (further / "host_vars").mkdir(parents=True, exist_ok=True)
    (further / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(values)}}))
    for name, said in values.items():
        (further / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump(said))
    command = ["ansible-playbook", "-i", str(lab.inventory.folder), "-i", str(further), "playbooks/site.yml"]
    command += ["--limit", ",".join([*values, "localhost"]), "--tags", tags]
    done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def with_hole(table: str, first: int, end: int) -> str:
    """Return a table of linear targets in which the sectors from first up to end fail (dmsetup(8))."""
    lines = []
    for line in table.splitlines():
        start, length, kind, device, offset = line.split()
        assert kind == "linear", line
        there = range(int(start), int(start) + int(length))
        around = (range(there.start, min(first, there.stop)), range(max(end, there.start), there.stop))
        shift = int(offset) - there.start
        lines += [(piece.start, len(piece), f" linear {device} {piece.start + shift}") for piece in around if piece]
        hole = range(max(first, there.start), min(end, there.stop))
        if hole:
            lines.append((hole.start, len(hole), " error"))
    return "".join(f"{start} {length}{what}\n" for start, length, what in sorted(lines))
