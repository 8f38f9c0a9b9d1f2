"""atlas was added by one line: people live there now, and the other machines changed only where they must."""

from __future__ import annotations

import difflib
import json

import pytest

from frontdoor import paths, post
from tests import snapshot
from tests.laboratory import Lab
from tests.people import People, Person

NEW = "atlas"
FIREWALL = "/etc/nftables.conf"  # who may connect
# What has to change on the machines of a noun so that they know one mailstore more, and nothing else may.
CHANGES = {
    "dns": {
        "/etc/bind/posthouse/campus/0.143.10.in-addr.arpa",
        "/etc/bind/posthouse/campus/3.4.1.0.0.1.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        "/etc/bind/posthouse/campus/madstop.test",
    },
    "directory": {FIREWALL},
    "mailstore": {FIREWALL, "/etc/postfix/directory/route_elsewhere.cf", "/etc/postfix/stores.cidr"},  # whom to hand over to, and from whom
    "exchanger": {
        FIREWALL,
        "/etc/postfix-inside/main.cf",
        "/etc/postfix-inside/mailstores.cidr",  # who may leave by it
        "/etc/postfix-inside/mailstores.pcre",  # which mailHost there is
    },
    "submission": {
        "/etc/postfix-inside/main.cf",
        "/etc/postfix-inside/mailstores.cidr",
        "/etc/postfix-inside/mailstores.pcre",
        "/etc/postfix-outside/main.cf",  # machines of ours write as much as they like
    },
    "backup": {
        FIREWALL,
        "/etc/postfix/mailstores.cidr",  # who may bring copies,
        "/etc/postfix/mailstore_keys",  # and by which key
        "/etc/posthouse/backup.toml",  # whose people are mirrored
    },
    "quarantine": set(),
    "proxy": set(),  # mailHost is a name, and names are the name server's
}


def test_the_inventory_differs_by_one_line() -> None:
    lab = (paths.INVENTORY / "hosts.yml").read_text(encoding="utf-8").splitlines()
    added = (paths.CHECKOUT / "molecule" / "add_mailstore" / "inventory" / "hosts.yml").read_text(encoding="utf-8").splitlines()
    difference = [line for line in difflib.ndiff(lab, added) if line[0] in "+-"]
    assert len(difference) == 1, difference
    assert NEW in difference[0]


def test_the_other_machines_changed_only_where_they_must(lab: Lab) -> None:
    before = json.loads((paths.STATE / "before.json").read_text(encoding="utf-8"))
    after = snapshot.take(list(before))
    changed = {name: set(snapshot.differences(before[name], after[name])) for name in before}
    expected = {name: next(CHANGES[noun] for noun in CHANGES if name in lab.inventory.groups[noun]) for name in before}
    # A lab without IPv6 has no zone for its addresses.
    assert changed == {name: {path for path in files if path in after[name]} for name, files in expected.items()}


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
