"""A letter from the internet reaches the person whose address it names, once, on the person's own mailstore."""

from __future__ import annotations

import pytest

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People

KINDS = {
    "mail, first mailstore": ("alma", "alma"),
    "mail, second mailstore": ("bela", "bela"),
    "alternate address, first mailstore": ("alma", "alma.other"),
    "alternate address with a hyphen": ("alma", "alma-list"),
    "alternate address, second mailstore": ("bela", "bela.other"),
    "person without mailHost": ("homeless", "homeless"),
    "person without mailHost, alternate address": ("homeless", "homeless.other"),
    "noaccess still receives": ("noaccess", "noaccess"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_address_arrives_on_the_right_mailstore(lab: Lab, people: People, kind: str) -> None:
    name, address = KINDS[kind]
    token, outcome = lab.send(people.address(address))
    assert outcome.sent, outcome
    person = people[name]
    if name == "noaccess":  # may not log in to show us: look on the machine
        store = lab.store_of(person)
        command = f"grep -rl {token} /mnt/home/{person.uid}/Maildir/new | wc -l"
        assert post.wait_for(lambda: lab.run(store.name, command, check=False).strip() == "1", 60)
        return
    default = f"{lab.inventory.values['cluster_default_mailstore']}.{lab.inventory.domain}"
    home = str(person.attributes.get("mailHost", default)).partition(".")[0]
    assert post.path(lab.receive(person, token)) == [lab.exchanger.name, home]


@pytest.mark.parametrize("change", [str.upper, str.capitalize, str.swapcase])
def test_capitals_do_not_matter(lab: Lab, people: People, change: object) -> None:
    assert callable(change)
    token, outcome = lab.send(change(people["bela"].mail))
    assert outcome.sent, outcome
    lab.receive(people["bela"], token)


def test_two_people_of_two_mailstores_share_one_letter(lab: Lab, people: People) -> None:
    token, outcome = lab.send([people["alma"].mail, people["bela"].mail])
    assert outcome.sent, outcome
    assert post.path(lab.receive(people["alma"], token))[-1] == lab.stores[0].name
    assert post.path(lab.receive(people["bela"], token))[-1] == lab.stores[1].name


def test_two_addresses_of_one_person_make_two_letters(lab: Lab, people: People) -> None:
    """As with qmail: each says in Delivered-To to which address it came, so a filter of the person can tell them apart."""
    person = people["alma"]
    token, outcome = lab.send([person.mail, people.address("alma.other")])
    assert outcome.sent, outcome
    assert post.wait_for(lambda: lab.count(person, token) >= 2, 60)
    assert lab.count(person, token) == 2


def test_an_unknown_recipient_does_not_keep_the_letter_from_the_known(lab: Lab, people: People) -> None:
    token, outcome = lab.send([people["alma"].mail, "nobody-" + people["bela"].mail])
    assert outcome.code == 550, outcome
    lab.receive(people["alma"], token)


def test_the_domain_that_has_a_catchall_gives_it_what_nobody_else_takes(lab: Lab) -> None:
    entries = lab.ldapsearch("(&(objectClass=qmailUser)(mailAlternateAddress=catchall@*))", "uid", "mailAlternateAddress", "mailHost")
    assert entries, "the lab has no person with a catchall address"
    catchall = next(value for value in entries[0]["mailAlternateAddress"] if value.startswith("catchall@"))
    token, outcome = lab.send(f"anything.{post.new_token()}@{catchall.partition('@')[2]}")
    assert outcome.sent, outcome
    store = entries[0]["mailHost"][0].partition(".")[0]
    command = f"grep -rl {token} /mnt/home/{entries[0]['uid'][0]}/Maildir/new | wc -l"
    assert post.wait_for(lambda: lab.run(store, command, check=False).strip() == "1", 60)


def test_collapsed_domains_become_the_one_domain_in_envelope_and_headers(lab: Lab, people: People) -> None:
    person = people["alma"]
    for domain in lab.inventory.values["cluster_collapsed_domains"]:
        address = f"{person.uid}@{domain}"
        token, outcome = lab.send(address, headers=[("Cc", f"Somebody <other@{domain}>, keep@elsewhere.test")])
        assert outcome.sent, outcome
        message = lab.receive(person, token)
        assert message["To"] == person.mail
        assert f"other@{lab.inventory.domain}" in message["Cc"]
        assert "keep@elsewhere.test" in message["Cc"]
        assert person.mail in (message["Delivered-To"] or message["X-Original-To"] or "")


def test_headers_of_the_sender_are_left_alone(lab: Lab, people: People) -> None:
    token, outcome = lab.send(people["alma"].mail, headers=[("Subject", "Grüße – ✓"), ("From", "Jemand Ünbekannt <writer@elsewhere.test>")])
    assert outcome.sent, outcome
    message = lab.receive(people["alma"], token)
    assert message["Subject"] == "Grüße – ✓"
    assert message["From"] == "Jemand Ünbekannt <writer@elsewhere.test>"
    assert message["Return-Path"] == "<writer@elsewhere.test>"


def test_an_alias_reaches_every_member(lab: Lab, people: People) -> None:
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    members = f"rfc822member: {people['alma'].mail}\ndnmember: uid={people['bela'].uid},ou=People,{suffix}"
    with lab.alias(people.address("everybody"), members) as alias:
        token, outcome = lab.send(alias)
        assert outcome.sent, outcome
        lab.receive(people["alma"], token)
        lab.receive(people["bela"], token)


def test_a_letter_from_one_mailstore_to_a_person_of_another_goes_there(lab: Lab, people: People) -> None:
    here, there = lab.stores[:2]
    token, outcome = lab.send(people["bela"].mail, origin=lab.origin(lab.exchanger.name), host=here.address)
    assert outcome.sent, outcome
    message = lab.receive(people["bela"], token)
    assert post.path(message) == [here.name, there.name]
    assert "TLS" in str(message.get_all("Received")), "between mailstores the letter travels by TLS"


def test_a_letter_handed_over_to_the_wrong_mailstore_is_sent_back_to_look_again(lab: Lab, people: People) -> None:
    here, there = lab.stores[:2]
    with lab.origin(there.name).smtp(here.address, 2525, helo=there.fqdn) as client:
        client.secure(here.fqdn)
        client.mail("writer@elsewhere.test")
        code, text = client.rcpt(people["bela"].mail)
    assert (code, text[:5]) == (450, b"4.4.6"), "passing it on again would be a loop"


def test_every_hop_inside_travels_by_tls(lab: Lab, people: People) -> None:
    token, _ = lab.send(people["alma"].mail)
    received = [str(line) for line in lab.receive(people["alma"], token).get_all("Received", [])]
    hop = next(line for line in received if f"by {lab.stores[0].fqdn}" in line and "SMTP" in line and lab.exchanger.name in line)
    assert "TLS" in hop
