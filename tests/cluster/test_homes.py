"""A home comes into being with the first letter or with the first login, whichever is first, and belongs to its person alone."""

from __future__ import annotations

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People, Person


def home(lab: Lab, person: Person) -> list[str]:
    """Mode, owner and group of the home, its Maildir and its .sieve; nothing when there is none."""
    place = f"/mnt/home/{person.uid}"
    command = f"stat -c '%a %u %g' {place} {place}/Maildir {place}/.sieve 2>/dev/null"
    return lab.run(lab.store_of(person).name, command, check=False).splitlines()


def test_the_first_letter_makes_the_home(lab: Lab, people: People) -> None:
    person = people["newcomer"]
    assert home(lab, person) == []
    token, outcome = lab.send(person.mail)
    assert outcome.sent, outcome
    # One directory comes after the other.
    assert post.wait_for(lambda: home(lab, person) == [f"700 {person.number} 100"] * 3, 60), home(lab, person)
    lab.receive(person, token)


def test_the_first_login_makes_the_home(lab: Lab, people: People) -> None:
    person = people["visitor"]
    assert home(lab, person) == []
    with lab.imap(person) as client:
        assert client.select("INBOX")[0] == "OK"
    assert home(lab, person) == [f"700 {person.number} 100"] * 3
    token, _ = lab.send(person.mail)
    lab.receive(person, token)


def test_the_directory_may_give_files_another_owner(lab: Lab, people: People) -> None:
    """qmailUID and qmailGID come before uidNumber and gidNumber (mail-facts A8)."""
    person = people.add("owned", mailHost=lab.stores[0].fqdn, qmailUID="61234", qmailGID="100")
    lab.enrol({"owned": person})
    token, outcome = lab.send(person.mail)
    assert outcome.sent, outcome
    lab.receive(person, token)
    assert home(lab, person) == ["700 61234 100"] * 3


def test_the_last_login_is_recorded(lab: Lab, people: People) -> None:
    person = people["visitor"]
    store = lab.store_of(person).name
    before = int(lab.run(store, "date +%s"))
    with lab.imap(person):
        pass
    command = f"doveadm -f flow dict get -u {person.uid} file:/mnt/home/{person.uid}/.last-login shared/last-login/{person.uid}"
    command = f"grep -rhoE '^[0-9]{{10}}' /mnt/home/{person.uid}/*last* /mnt/home/{person.uid}/.*last* 2>/dev/null || {command}"
    times = post.wait_for(lambda: [int(word) for word in lab.run(store, command, check=False).split() if word.isdigit()], 10)
    assert times, "no record of the login"
    assert max(times) >= before - 1


def test_nobody_reads_anothers_home(lab: Lab, people: People) -> None:
    person = people["newcomer"]
    command = f"setpriv --reuid {people['alma'].number} --regid 100 --clear-groups ls /mnt/home/{person.uid} 2>&1"
    assert "Permission denied" in lab.run(lab.store_of(person).name, command, check=False)
