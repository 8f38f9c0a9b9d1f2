"""A run that was killed outright leaves monitors dead, cables cut and strangers running; the next one makes it good."""

from __future__ import annotations

import os
import signal
import subprocess

from frontdoor import engine, network, overview
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People


def processes(machine: str) -> tuple[int, int]:
    """The machine's first process and its monitor."""
    found = engine.podman("container", "inspect", "--format", "{{.State.Pid}} {{.State.ConmonPid}}", machine).stdout.split()
    return int(found[0]), int(found[1])


def test_what_a_killed_run_leaves_is_made_good(lab: Lab, people: People) -> None:
    exchanger, (first, second) = lab.exchanger.name, [store.name for store in lab.stores[:2]]
    uptime = lab.run(second, "cat /proc/1/stat | cut -d' ' -f22")
    with faults.window():
        engine.prepare()
        os.kill(processes(first)[1], signal.SIGKILL)  # runs on, without its monitor
        for process in reversed(processes(exchanger)):  # dead, and nobody noticed
            os.kill(process, signal.SIGKILL)
        subprocess.run(["ip", "netns", "add", "posthouse-ghost"], check=True)
        proxy = lab.inventory.machines("proxy")[0].name
        subprocess.run(["ip", "link", "delete", f"ph-{proxy}-0"], check=True)
        faults.switch_on()
    assert set(overview.states().values()) == {"running"}
    assert not network.space("ghost").exists()
    assert lab.run(second, "cat /proc/1/stat | cut -d' ' -f22") == uptime, "a machine that was well was disturbed"
    token, outcome = lab.send(people["alma"].mail)
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)
