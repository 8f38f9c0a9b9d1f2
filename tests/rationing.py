"""The machine where mail is handed in, as the tests of limits see it: people who log in, devices that do not, and its commands."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin
from tests.laboratory import Lab
from tests.people import People, Person

SENDERS_CLASSES = ["top", "inetOrgPerson", "posixAccount", "qmailUser", "posthousePerson"]


@dataclass
class Counter:
    """The submission machine, and who stands before it."""

    lab: Lab

    def __post_init__(self) -> None:
        """Find the machine."""
        machine = self.lab.inventory.machines("submission")[0]
        self.name, self.address, self.fqdn = machine.name, machine.address, machine.fqdn
        self.database = self.lab.inventory.machines("quarantine")[0].name

    def ask(self, *words: str) -> tuple[int, Any]:
        """Run held or rates with --json; return its exit code and answer."""
        said = self.lab.run(self.name, f"{shlex.join([*words, '--json'])}; echo $?")
        answer, _, code = said.strip().rpartition("\n")
        return int(code), json.loads(answer)

    def held(self, kind: str, name: str) -> list[dict[str, Any]]:
        """What of somebody is on hold."""
        letters: list[dict[str, Any]] = self.ask("held", "list", f"--{kind}", name)[1]["letters"]
        return letters

    def used(self, person: Person) -> int:
        """How many recipients a person has used."""
        return int(self.ask("rates", "show", "person", person.uid)[1]["used"])

    def hand_in(self, person: Person, to: Sequence[Person], author: str = "") -> str:
        """Hand in a letter as a person's mail program does, at 587; return its token. It must be taken."""
        token = post.new_token()
        message = post.letter(token, author or person.mail, ", ".join(one.mail for one in to))
        with self.lab.smtp(self.lab.origin(self.lab.stores[0].name), self.address, 587) as client:
            client.secure(self.fqdn)
            client.login(person.uid, person.password)
            assert client.sendmail(person.mail, [one.mail for one in to], message) == {}
        return token


def everywhere(lab: Lab, words: str) -> int:
    """How many letters in all mailboxes hold some words."""
    command = f"grep -rlF {shlex.quote(words)} /mnt/home/*/Maildir/new | wc -l"
    return sum(int(lab.run(store.name, command, check=False)) for store in lab.stores)


def subjects(lab: Lab, person: Person) -> list[str]:
    """The subjects of all letters in somebody's mailbox."""
    with lab.imap(person) as client:
        return sorted(str(letter["Subject"]) for letter in post.search(client, "ALL"))


@pytest.fixture(scope="module")
def counter(lab: Lab) -> Counter:
    """The submission machine."""
    return Counter(lab)


@pytest.fixture(scope="module")
def device(lab: Lab, counter: Counter) -> Iterator[Origin]:
    """A machine of the campus with an address that is counted: 5 recipients, and a warning beyond 3 (inventory/lab)."""
    machine = lab.stores[0]
    address = f"{machine.address.rpartition('.')[0]}.{240 + secrets.randbelow(15)}"
    where = f"$(ip -o -4 addr show to {machine.address} | cut -d' ' -f2)"
    # It may have been another run's within the hour.
    forget = f"DELETE FROM rate_holder WHERE name = '{address}'"  # noqa: S608  the address is our own
    lab.run(counter.database, f'mariadb quarantine -e "{forget}"')
    lab.run(machine.name, f"ip addr add {address}/24 dev {where}")
    yield lab.origin(machine.name, address)
    lab.run(machine.name, f"ip addr del {address}/24 dev {where}")


@pytest.fixture(scope="module")
def senders(lab: Lab) -> Iterator[dict[str, Person]]:
    """People with a number of their own, with none at all, and those who read."""
    everybody = People(lab.inventory.domain, [store.fqdn for store in lab.stores])
    some: dict[str, Person] = {}
    for name, number in (("tight", "5"), ("alone", "5"), ("lists", "-1"), ("locked", "0"), ("reader", "")):
        given: dict[str, str | list[str]] = {"posthouseRecipientsPerHour": number} if number else {}
        some[name] = everybody.add(name, mailHost=lab.stores[len(some) % 2].fqdn)
        some[name].attributes |= {"objectClass": SENDERS_CLASSES} | given
    lab.enrol(some)
    yield some
    lab.dismiss(some)
