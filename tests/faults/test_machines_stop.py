"""Machines are switched off: mail for the people of one mailstore waits, everybody else notices nothing, and all come back."""

from __future__ import annotations

import time
from functools import partial

import pytest

from frontdoor import post, probe
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People


@pytest.mark.parametrize(("index", "here", "there"), [(0, "alma", "bela"), (1, "bela", "alma")])
def test_mail_for_a_mailstore_that_is_off_waits_and_drains(lab: Lab, people: People, index: int, here: str, there: str) -> None:
    began = time.time()
    with faults.switched_off([lab.stores[index].name]):
        waiting = [lab.send(people[here].mail) for _ in range(3)]
        assert all(outcome.sent for _, outcome in waiting), waiting
        token, outcome = lab.send(people[there].mail)
        assert outcome.sent, outcome
        lab.receive(people[there], token)
        both, outcome = lab.send([people[here].mail, people[there].mail])
        assert outcome.sent, outcome
        lab.receive(people[there], both)
        faults.flush(lab)
    assert post.wait_for(lambda: login(lab, people, here), 60), "nobody can log in after the mailstore's return"
    faults.flush(lab)
    for token, _ in waiting:
        lab.receive(people[here], token, seconds=120)
    lab.receive(people[here], both, seconds=120)
    assert faults.refusals(lab, began) == ""


def login(lab: Lab, people: People, name: str) -> bool:
    try:
        with lab.imap(people[name]) as client:
            return bool(client.select("INBOX")[0] == "OK")
    except (OSError, post.IMAP_ERROR):
        return False


@pytest.mark.parametrize("group", ["exchanger", "submission"])
def test_postfix_that_was_stopped_starts_with_all_its_stages(lab: Lab, group: str) -> None:
    names = " ".join(f"postfix@{instance}" for instance in ("outside", "fixup", "inside"))
    for machine in lab.inventory.machines(group):
        with faults.stopped(lab, "postfix", [machine.name]):
            assert post.wait_for(partial(all_are, lab, machine.name, names, "inactive"), 30)
        assert post.wait_for(partial(all_are, lab, machine.name, names, "active"), 30), machine.name


def all_are(lab: Lab, machine: str, units: str, state: str) -> bool:
    return set(lab.run(machine, f"systemctl is-active {units}", check=False).split()) == {state}


def test_after_every_machine_was_rebooted_the_probe_is_green(lab: Lab, people: People) -> None:
    names = [machine.name for machine in lab.inventory.ours]
    with faults.switched_off(names):
        pass
    started = time.monotonic()
    results = post.wait_for(lambda: green(lab), 90, pause=2)
    assert results, "the probe is not green 90 s after the machines were started"
    print(f"green {time.monotonic() - started:.0f} s after the start")
    token, outcome = lab.send(people["alma"].mail)
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)
    for name in names:
        assert lab.run(name, "systemctl --failed --plain --no-legend") == "", name
        assert "policy drop" in lab.run(name, "nft list ruleset"), f"{name} came back without its firewall"


def green(lab: Lab) -> bool:
    results = probe.run(lab.inventory, lab.ssh_config, limit=30, progress=False)
    return bool(results) and not any(result.error for result in results)
