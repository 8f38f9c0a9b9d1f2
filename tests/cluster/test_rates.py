"""How much people and devices may send: exactly so much, with one warning, and what is too much waits for somebody to look at it."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin
from tests.laboratory import DELIVERY, Lab
from tests.people import People


@dataclass
class Door:
    """The machine where mail is handed in, and its commands."""

    lab: Lab

    @property
    def name(self) -> str:
        """Its short name."""
        return self.lab.inventory.machines("submission")[0].name

    @property
    def address(self) -> str:
        """Its address on the campus."""
        return self.lab.inventory.machines("submission")[0].address

    def ask(self, *words: str) -> tuple[int, Any]:
        """Run held or rates with --json; return its exit code and answer."""
        said = self.lab.run(self.name, f"{shlex.join([*words, '--json'])}; echo $?")
        answer, _, code = said.strip().rpartition("\n")
        return int(code), json.loads(answer)

    def held(self, kind: str, name: str) -> list[dict[str, Any]]:
        """What of somebody is on hold."""
        letters: list[dict[str, Any]] = self.ask("held", "list", f"--{kind}", name)[1]["letters"]
        return letters


@pytest.fixture(scope="module")
def door(lab: Lab) -> Door:
    return Door(lab)


@pytest.fixture(scope="module")
def device(lab: Lab) -> Iterator[Origin]:
    """A machine of the campus with an address that is counted: 5 recipients, and a warning beyond 3 (inventory/lab)."""
    machine = lab.stores[0]
    address = f"{machine.address.rpartition('.')[0]}.{240 + secrets.randbelow(15)}"
    where = f"$(ip -o -4 addr show to {machine.address} | cut -d' ' -f2)"
    # It may have been another run's within the hour.
    forget = f"DELETE FROM rate_holder WHERE name = '{address}'"  # noqa: S608  the address is our own
    lab.run(lab.inventory.machines("quarantine")[0].name, f'mariadb quarantine -e "{forget}"')
    lab.run(machine.name, f"ip addr add {address}/24 dev {where}")
    yield lab.origin(machine.name, address)
    lab.run(machine.name, f"ip addr del {address}/24 dev {where}")


def everywhere(lab: Lab, words: str) -> int:
    """How many letters in all mailboxes hold some words."""
    command = f"grep -rlF {shlex.quote(words)} /mnt/home/*/Maildir/new | wc -l"
    return sum(int(lab.run(store.name, command, check=False)) for store in lab.stores)


def test_a_device_is_stopped_exactly_at_its_number(lab: Lab, door: Door, device: Origin, people: People) -> None:
    reader, sender = people["alma"], f"printer@{lab.inventory.domain}"
    assert device.source
    send = partial(lab.send, reader.mail, sender, origin=device, host=door.address)
    for _ in range(5):
        token, outcome = send()
        assert outcome.sent, outcome
        lab.receive(reader, token)
    assert door.held("device", device.source) == []
    code, row = door.ask("rates", "show", "device", device.source)
    assert (code, row["used"], row["hard"], row["kept"]) == (1, 5, 5, 0)

    token, outcome = send(headers=[("Subject", "=?utf-8?q?too_much_=1B[2J?=")])
    assert outcome.sent, "what is too much is kept and not refused"
    (kept,) = door.held("device", device.source)
    assert (kept["person"], kept["recipients"], kept["sender"]) == (None, 1, sender)
    assert "too much \x1b[2J" in kept["subject"]
    listed = lab.run(door.name, f"held list --device {device.source}")
    assert "too much \\x1b[2J" in listed
    assert "\x1b" not in listed
    shown = lab.run(door.name, f"held show {kept['id']}")
    assert f"why: more than 5 recipients in 3600 s by device:{device.source}" in shown

    assert post.wait_for(lambda: everywhere(lab, f"The device {device.source} writes to many people") == 1, DELIVERY)
    waits = f"A letter of the device {device.source} waits"
    assert post.wait_for(lambda: everywhere(lab, waits) == 1, DELIVERY)

    assert lab.run(door.name, f"held release --check {kept['id']}").startswith("would release ")
    assert door.held("device", device.source)
    code, answer = door.ask("held", "release", "--device", device.source)
    assert (code, answer["results"][0]["result"]) == (0, "released")
    lab.receive(reader, token)
    assert f"queue_id={kept['id']}" in lab.run(door.name, "journalctl -t held -o cat -n 5")
    assert door.ask("held", "release", kept["id"])[0] == 4

    # Nothing more has been said meanwhile.
    assert everywhere(lab, f"The device {device.source} writes to many people") == everywhere(lab, waits) == 1


def test_a_letter_that_is_deleted_never_arrives(lab: Lab, door: Door, device: Origin, people: People) -> None:
    assert device.source
    token, outcome = lab.send([people["alma"].mail] * 6, f"printer@{lab.inventory.domain}", origin=device, host=door.address)
    assert outcome.sent, outcome
    (kept,) = door.held("device", device.source)
    assert door.ask("held", "delete", kept["id"])[0] == 0
    assert door.held("device", device.source) == []
    assert everywhere(lab, token) == 0
