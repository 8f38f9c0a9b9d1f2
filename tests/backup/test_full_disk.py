"""A backup machine whose disk is full says so before it takes anything; copies wait where they were made."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from frontdoor import post
from tests.backup.copying import kept, machine
from tests.faults.faults import window
from tests.laboratory import DELIVERY, Lab
from tests.people import People

HOME = "/srv/backup"
#: A disk of 32 MB over the real one, with a reserve of 8 MB; what was there is there again afterwards.
SMALL = f"""set -e
systemctl stop postfix dovecot
mount -t tmpfs -o size=32m tmpfs {HOME}
systemd-tmpfiles --create /etc/tmpfiles.d/posthouse-backup.conf
cp -p /etc/postfix/main.cf /run/main.cf.real
sed -i 's/^queue_minfree = .*/queue_minfree = 8388608/' /etc/postfix/main.cf
systemctl start dovecot postfix
"""
REAL = f"""systemctl stop postfix dovecot
mountpoint -q {HOME} && test "$(stat -f -c %T {HOME})" = tmpfs && umount {HOME}
test -e /run/main.cf.real && mv /run/main.cf.real /etc/postfix/main.cf
systemctl start dovecot postfix
"""
QUEUE = "/etc/postfix-copies"


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[str]:
    backup = machine(lab).name
    lab.run(backup, REAL)  # in case a run before was killed
    with window():
        try:
            lab.run(backup, SMALL)
            yield backup
        finally:
            lab.run(backup, REAL)


def test_copies_wait_and_arrive_when_there_is_room(lab: Lab, people: People, small_disk: str) -> None:
    person, store = people["alma"], lab.store_of(people["alma"])
    lab.run(small_disk, f"head -c 26M /dev/zero > {HOME}/filler")
    way = lab.origin(lab.exchanger.name)
    tokens = [lab.send(person.mail, origin=way, host=store.address, helo=lab.exchanger.fqdn)[0] for _ in range(3)]
    for token in tokens:
        lab.receive(person, token)  # nobody's mail waits for a backup
    # Flushed once, because while the services here were stopped the queue may have learnt to wait for another reason.
    lab.run(store.name, f"postqueue -c {QUEUE} -f")
    waiting = f"postqueue -c {QUEUE} -j | grep -c '{person.uid}@.*452 4.3.1'"
    assert post.wait_for(lambda: lab.run(store.name, waiting, check=False).strip() == str(len(tokens)), 60), "no copy waits"
    # It was refused before it was taken: neither stored, nor in the queue here.
    assert kept(lab, person.uid) == []
    assert person.uid not in lab.run(small_disk, "postqueue -p")
    lab.run(small_disk, f"rm {HOME}/filler")
    lab.run(store.name, f"postqueue -c {QUEUE} -f")
    arrived = partial(kept, lab, person.uid)
    assert post.wait_for(lambda: len(arrived()) == len(tokens), DELIVERY), f"of {len(tokens)} copies came {arrived()}"
    assert all(any(token in subject for subject in arrived()) for token in tokens)
