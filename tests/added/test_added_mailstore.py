"""atlas was added by one line: people live there now, and the other machines changed only where they must."""

from __future__ import annotations

import difflib
import json
import re

import pytest

from frontdoor import paths, post
from tests import snapshot
from tests.laboratory import Lab
from tests.people import People, Person

NEW = "atlas"
# Which files of which nouns have to know every mailstore, and why.
MUST_CHANGE = {
    "dns": r"/etc/bind/zones/.*",  # its name and its address
    "mailstore": r"/etc/postfix/(main\.cf|master\.cf|directory/.*|.*_access.*)",  # whom to hand over to, and from whom
    "exchanger": r"/etc/postfix-inside/.*",  # whose certificate may say mailHost
    "proxy": r"/etc/dovecot/.*",  # where people may live
}
EVERYBODY = r"/etc/(nftables\.conf|hosts)"  # whom the firewall lets in


def test_the_inventory_differs_by_one_line() -> None:
    lab = (paths.INVENTORY / "hosts.yml").read_text(encoding="utf-8").splitlines()
    added = (paths.CHECKOUT / "molecule" / "add_mailstore" / "inventory" / "hosts.yml").read_text(encoding="utf-8").splitlines()
    difference = [line for line in difflib.ndiff(lab, added) if line[0] in "+-"]
    assert len(difference) == 1, difference
    assert NEW in difference[0]


def test_the_other_machines_changed_only_where_they_must(lab: Lab) -> None:
    before = json.loads((paths.STATE / "before.json").read_text(encoding="utf-8"))
    after = snapshot.take(list(before))
    needless: dict[str, list[str]] = {}
    for name in before:
        patterns = [EVERYBODY, *(pattern for noun, pattern in MUST_CHANGE.items() if name in lab.inventory.groups[noun])]
        changed = snapshot.differences(before[name], after[name])
        print(name, changed)
        needless[name] = [path for path in changed if not any(re.fullmatch(pattern, path) for pattern in patterns)]
    assert not any(needless.values()), {name: files for name, files in needless.items() if files}


@pytest.fixture(scope="module")
def pioneer(lab: Lab, people: People) -> Person:
    """The first person who lives on the new mailstore."""
    person = people.add("pioneer", mailHost=f"{NEW}.{lab.inventory.domain}", mailForwardingAddress=people.address("alma"))
    lab.enrol({"pioneer": person})
    return person


def test_a_person_created_there_receives(lab: Lab, pioneer: Person) -> None:
    token, outcome = lab.send(pioneer.mail)
    assert outcome.sent, outcome
    assert post.path(lab.receive(pioneer, token)) == [lab.exchanger.name, NEW]


def test_a_person_created_there_sends_on(lab: Lab, people: People, pioneer: Person) -> None:
    """Mail leaves the new mailstore for another one: here by a forward."""
    token, _ = lab.send(pioneer.mail)
    assert NEW in post.path(lab.receive(people["alma"], token))


def test_mail_that_came_to_another_mailstore_reaches_it(lab: Lab, pioneer: Person) -> None:
    other = lab.stores[0]
    token, outcome = lab.send(pioneer.mail, origin=lab.origin(lab.exchanger.name), host=other.address)
    assert outcome.sent, outcome
    assert post.path(lab.receive(pioneer, token)) == [other.name, NEW]


@pytest.mark.parametrize("port", [993, 143])
def test_login_leads_there(lab: Lab, pioneer: Person, port: int) -> None:
    with lab.imap(pioneer, port=port) as client:
        assert client.select("INBOX")[0] == "OK"
