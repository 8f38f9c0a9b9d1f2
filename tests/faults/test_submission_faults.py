"""Where people log in, a fault is "later": no password is called wrong, no sender refused, and what needs no login goes on."""

from __future__ import annotations

import smtplib
from collections.abc import Callable

from frontdoor import post
from tests.faults import faults
from tests.handing_in import Door, door
from tests.laboratory import Lab
from tests.people import People

__all__ = ["door"]
BACK = 30.0  # seconds after which people log in again


def logs_in(door: Door, people: People) -> Callable[[], bool]:
    def attempt() -> bool:
        try:
            return door.prove(people["alma"].uid, people["alma"].password)[0] == 235
        except (smtplib.SMTPException, OSError):
            return False

    return attempt


def devices_write(lab: Lab, people: People, door: Door) -> None:
    token, outcome = lab.send(
        people["bela"].mail, f"printer@{lab.inventory.domain}", origin=lab.origin(lab.stores[0].name), host=door.machine.address
    )
    assert outcome.sent, outcome
    with door.open(25, lab.origin(lab.stores[0].name)) as client:
        assert door.writes(client, people["alma"].mail).startswith("553 "), "an address is somebody's also while nobody can be asked"
    lab.receive(people["bela"], token)


def test_without_the_directory_a_login_is_put_off(lab: Lab, people: People, door: Door) -> None:
    with faults.stopped(lab, "slapd", [machine.name for machine in lab.inventory.machines("directory")]):
        code, text = door.prove(people["alma"].uid, people["alma"].password)
        assert code == 454, text
        assert door.owners(people["alma"].mail) == people["alma"].uid
        with door.open(25, lab.origin(lab.stores[0].name)) as client:
            assert door.writes(client, people["alma"].mail).startswith("553 ")
            assert door.writes(client, f"printer@{lab.inventory.domain}").startswith("250 ")
    assert post.wait_for(logs_in(door, people), BACK)


def test_without_dovecot_nobody_is_refused_and_the_campus_writes_on(lab: Lab, people: People, door: Door) -> None:
    with faults.stopped(lab, "dovecot", [door.machine.name]):
        try:
            code, text = door.prove(people["alma"].uid, people["alma"].password)
            assert code // 100 == 4, text
        except (smtplib.SMTPException, OSError):
            pass  # the session ended without a word about the password
        devices_write(lab, people, door)
    assert post.wait_for(logs_in(door, people), BACK)


def test_a_dovecot_that_dies_comes_back(lab: Lab, people: People, door: Door) -> None:
    with faults.window():
        lab.run(door.machine.name, "systemctl kill --signal=KILL dovecot")
        assert post.wait_for(logs_in(door, people), BACK)
