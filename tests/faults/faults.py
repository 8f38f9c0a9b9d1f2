"""What the fault tests do to machines, and where they write down when they did it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from frontdoor import engine, paths, standing
from tests.laboratory import Lab

# tests/journals leaves out what machines said while something was broken on purpose, and shortly after.
WINDOWS = paths.STATE / "faults.json"
AFTERMATH = 60.0


@contextmanager
def window() -> Iterator[None]:
    """Write down that something is broken on purpose."""
    began = time.time()
    try:
        yield
    finally:
        windows = json.loads(WINDOWS.read_text()) if WINDOWS.exists() else []
        WINDOWS.write_text(json.dumps([*windows, [began - 1, time.time() + AFTERMATH]]))


@contextmanager
def stopped(lab: Lab, unit: str, machines: Sequence[str]) -> Iterator[None]:
    """Stop a unit on some machines, and start it again whatever happens."""
    with window():
        try:
            for machine in machines:
                lab.run(machine, f"systemctl stop {unit}")
            yield
        finally:
            for machine in machines:
                lab.run(machine, f"systemctl start {unit}")


@contextmanager
def switched_off(machines: Sequence[str]) -> Iterator[None]:
    """Switch machines off and on again."""
    with window():
        try:
            engine.prepare()
            engine.podman("stop", "--time", "30", *machines)
            yield
        finally:
            switch_on()


def switch_on() -> None:
    """Start every machine that does not run, as ./lab up does."""
    command = ["ansible-playbook", "--inventory", str(standing.inventory()), "playbooks/lab/create.yml"]
    done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def flush(lab: Lab) -> None:
    """Try everything that waits in any queue now, instead of when its time comes."""
    for machine in [lab.exchanger, *lab.inventory.machines("submission"), *lab.stores]:
        lab.run(machine.name, "for instance in /etc/postfix /etc/postfix-*; do postqueue -c $instance -f; done", check=False)


def refusals(lab: Lab, since: float) -> str:
    """Lines in which a mail server of the cluster refused or gave up for good since a moment: status=bounced, and replies of 5xx."""
    found = ""
    for machine in [lab.exchanger, *lab.stores]:
        command = f"journalctl -q -o cat --since @{since:.6f} | grep -E 'status=bounced|reject: [A-Z]+ from [^:]+: 5[0-9][0-9] ' || true"
        found += lab.run(machine.name, command)
    return found
