"""Snapshots under load: what was acknowledged before one lies in it whole; one that overflows, or is left behind, is told of."""

from __future__ import annotations

import json
import re
import subprocess

from frontdoor import paths, post
from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, to_store
from tests.storage.outages import nothing_was_lost

#: Names and sizes of letters, as Dovecot writes them into names (S=), beside the sizes that they have.
LETTERS = r"""find "$SNAPSHOT/{uid}/Maildir" -path '*/new/*' -o -path '*/cur/*' -type f | while read file; do
  name=${{file##*/}} && said=${{name#*,S=}} && echo "${{said%%[,:]*}} $(stat -c %s "$file") $(grep -m1 ^X-Posthouse-Token "$file")"; done"""


def play(lab: Lab, store: Machine, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", "-i", str(lab.inventory.folder), "playbooks/snapshot-mailstore.yml", "-e", f"mailstore={store.name}"]
    return subprocess.run([*command, *words], cwd=paths.CHECKOUT, capture_output=True, text=True, check=False, timeout=300)


def left(lab: Lab, store: Machine) -> list[str]:
    return [one["name"] for one in json.loads(lab.run(store.name, "storage snapshot list --json", check=False))["snapshots"]]


def test_what_was_acknowledged_before_a_snapshot_lies_in_it_whole(lab: Lab, rosa: Person, store: Machine) -> None:
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    ledger.send()
    assert ledger.settled(60) == []
    with ledger.flow():
        ledger.acknowledged(5)
        # Those that are in the mailbox by now; the others wait in the queue's volume.
        there = set(ledger.found())
        done = play(lab, store, "-e", json.dumps({"run": LETTERS.format(uid=rosa.uid)}))
    assert done.returncode == 0, done.stdout[-3000:]
    shown = re.findall(rf"(\d+)\s+(\d+)\s+{post.MARK}:\s+([\w.-]+)", done.stdout)
    assert shown, done.stdout[-3000:]
    assert [line for line in shown if line[0] != line[1]] == [], "a letter is not whole"
    assert there - {line[2] for line in shown} == set()
    assert left(lab, store) == []
    nothing_was_lost(ledger)


def test_one_that_overflows_fails_the_run_and_not_the_volume(lab: Lab, store: Machine) -> None:
    fill = "dd if=/dev/urandom of=/mnt/home/.fill bs=1M count=24 conv=fsync 2>/dev/null; rm /mnt/home/.fill"
    done = play(lab, store, "-e", "size=8m", "-e", json.dumps({"run": fill}))
    assert done.returncode != 0
    assert "ran full while it was read" in done.stdout + done.stderr, done.stdout[-3000:]
    assert left(lab, store) == []
    lab.run(store.name, "touch /mnt/home/.x && rm /mnt/home/.x")


def test_one_whose_run_was_killed_is_told_of_and_taken_away(lab: Lab, store: Machine) -> None:
    lab.run(store.name, "storage snapshot create home --name forgotten --hours 0")
    try:
        lab.run(store.name, "storage health", check=False)
        assert "snapshot forgotten should have been taken away" in lab.run(store.name, "storage status", check=False)
    finally:
        done = play(lab, store, "-e", "remove=all")
    assert done.returncode == 0, done.stdout[-3000:]
    assert left(lab, store) == []
