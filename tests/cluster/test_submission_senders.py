"""Whoever writes, writes as themselves, or as those who let them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.handing_in import Door, campus_address, door
from tests.laboratory import Lab
from tests.people import People

__all__ = ["door"]
NOT_OURS = "553 5.7.1 "
# Of the lab's inventory: a list server, a scanner, and a person whose login is a program's, too.
LIST_SERVER, SCANNER, PROGRAM = 238, 239, "johnsoae"


def test_what_belongs_to_a_person(people: People, door: Door) -> None:
    alma, domain = people["alma"], people.domain
    own = [alma.mail, alma.mail.upper(), people.address("alma.other"), people.address("alma-list"), f"{alma.uid}@mail.{domain}"]
    own += [f'"{alma.uid}"@{domain}', ""]
    foreign = [people["bela"].mail, f"{people['bela'].uid}@mail.{domain}", people.address("bela.other"), people["disabled"].mail]
    foreign += [people.address("nobody"), f"{alma.uid}@elsewhere.test", f"postmaster@{domain}", f"{alma.uid}@{domain}.elsewhere.test"]
    foreign += [f"{alma.uid}+tag@{domain}", f"{alma.uid}@alumni.{domain}", f"cts@{domain}", f'"{people["bela"].uid}"@{domain}']
    for port in (465, 587):
        with door.enter(alma, port) as client:
            answers = {sender: door.writes(client, sender) for sender in (own + foreign[:7] if port == 587 else foreign[7:])}
        taken = {sender for sender, answer in answers.items() if answer.startswith("250 ")}
        assert taken == set(own) & set(answers), answers
        assert all(answer.startswith(NOT_OURS) for sender, answer in answers.items() if sender not in taken), answers


@pytest.fixture
def office(lab: Lab, people: People) -> Iterator[str]:
    """A group with one member, newcomer; its DN."""
    name = f"cn=office{people.run},ou=Groups,{lab.inventory.values['cluster_ldap_suffix']}"
    entry = f"objectClass: posixGroup\ncn: office{people.run}\ngidNumber: 59999\nmemberUid: {people['newcomer'].uid}\n"
    lab.ldapmodify(f"dn: {name}\n{entry}", add=True)
    yield name
    lab.run(lab.provider, f"ldapdelete -Q -Y EXTERNAL -H ldapi:/// {name}")


def test_delegates_write_in_a_name_that_was_given_to_them_and_hand_nothing_on(lab: Lab, people: People, door: Door, office: str) -> None:
    prof, secretary, deputy, member = (people[name] for name in ("visitor", "sorter", "alma", "newcomer"))
    suffix = lab.inventory.values["cluster_ldap_suffix"]

    def entry(uid: str) -> str:
        return f"uid={uid},ou=People,{suffix}"

    lab.ldapmodify(
        f"dn: {entry(prof.uid)}\nchangetype: modify\nadd: objectClass\nobjectClass: posthouseShared\n-\nadd: posthouseDelegate\n"
        f"posthouseDelegate: {entry(secretary.uid)}\nposthouseDelegate: {office}\n\n"
        f"dn: {entry(secretary.uid)}\nchangetype: modify\nadd: objectClass\nobjectClass: posthouseShared\n-\nadd: posthouseDelegate\n"
        f"posthouseDelegate: {entry(deputy.uid)}\nposthouseDelegate: {entry(prof.uid)}\n"
    )
    assert door.knows(prof.mail, ",".join(sorted([prof.uid, secretary.uid, member.uid])))
    for person, may in ((prof, True), (secretary, True), (member, True), (deputy, False)):
        with door.enter(person) as client:
            assert door.writes(client, prof.mail).startswith("250 " if may else NOT_OURS), person.uid
    lab.ldapmodify(f"dn: {entry(prof.uid)}\nchangetype: modify\ndelete: posthouseDelegate\n")
    assert door.knows(prof.mail, prof.uid)
    with door.enter(secretary) as client:
        assert door.writes(client, prof.mail).startswith(NOT_OURS)
    lab.ldapmodify(f"dn: {entry(secretary.uid)}\nchangetype: modify\ndelete: posthouseDelegate\n")


def test_on_the_campus_nobody_writes_as_a_person_without_a_login(lab: Lab, people: People, door: Door) -> None:
    alma, domain = people["alma"], people.domain
    owned = [alma.mail, alma.mail.upper(), f"{alma.uid}@mail.{domain}", people.address("alma.other"), people["disabled"].mail]
    for to in (alma.mail, "out@elsewhere.test"):
        with door.open(25, lab.origin(lab.stores[1].name)) as client:
            for sender in owned:
                assert door.writes(client, sender, to).startswith(f"{NOT_OURS}<"), (sender, to)
    with door.open(25, lab.origin(lab.stores[1].name)) as client:
        assert [client.mail(alma.mail)[0], client.rcpt("postmaster")[0], client.docmd("DATA")[0]] == [250, 250, 553]
        client.rset()
        assert door.writes(client, f"cts@{domain}").startswith(NOT_OURS), "a list is not anybody's"
        for sender in (f"printer@{domain}", "writer@elsewhere.test", ""):
            assert door.writes(client, sender, people["bela"].mail).startswith("250 "), sender


def test_exceptions_of_devices_and_of_logins(lab: Lab, people: People, door: Door) -> None:
    alma, domain = people["alma"], people.domain
    with campus_address(lab, LIST_SERVER) as server, door.open(25, server) as client:
        assert door.writes(client, alma.mail).startswith("250 ")
    with campus_address(lab, SCANNER) as scanner, door.open(25, scanner) as client:
        assert door.writes(client, f"postmaster@{domain}").startswith("250 ")
        assert door.writes(client, alma.mail).startswith(NOT_OURS)
    with door.open(587) as client:
        client.login(PROGRAM, lab.inventory.values["cluster_secrets"]["people"])
        assert door.writes(client, f"list-4711@news.{domain}").startswith("250 ")
        assert door.writes(client, alma.mail).startswith(NOT_OURS)
        assert door.writes(client, f"list-4711@news.{domain}.elsewhere.test").startswith(NOT_OURS)
    with door.enter(alma) as client:
        assert door.writes(client, f"list-4711@news.{domain}").startswith(NOT_OURS)
