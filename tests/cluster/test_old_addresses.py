"""Forwards, lists and Sieve scripts hold old addresses: domains that collapse mean the same there as in a letter from the internet."""

from __future__ import annotations

import pytest

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People, Person


def old(lab: Lab, person: Person) -> str:
    return f"{person.uid}@{lab.inventory.values['cluster_collapsed_domains'][0]}"


@pytest.mark.parametrize("store", [0, 1])
def test_a_forward_to_a_collapsed_domain_arrives_once(lab: Lab, people: People, store: int) -> None:
    giver, taker = [(people["alma"], people["bela"]), (people["bela"], people["alma"])][store]
    with lab.changed(giver, "mailForwardingAddress", old(lab, taker)):
        token, outcome = lab.send(giver.mail)
        assert outcome.sent, outcome
        message = lab.receive(taker, token)
        lab.receive(giver, token)
    assert post.path(message)[-1] == lab.store_of(taker).name


def test_a_person_of_the_lab_forwards_to_hardyjm_at_an_old_address(lab: Lab, people: People) -> None:
    hardy = f"hardyjm@{lab.inventory.values['cluster_collapsed_domains'][0]}"
    with lab.changed(people["sorter"], "mailForwardingAddress", hardy):
        token, outcome = lab.send(people["sorter"].mail)
        assert outcome.sent, outcome
        count = f"grep -rl {token} /mnt/home/hardyjm/Maildir/new | wc -l"
        assert post.wait_for(lambda: lab.run("hermes", count, check=False).strip() == "1", 60)
        lab.receive(people["sorter"], token)
        assert lab.run("hermes", count).strip() == "1"


def test_a_list_member_at_a_collapsed_domain_gets_the_letter(lab: Lab, people: People) -> None:
    with lab.alias(people.address("veterans"), f"rfc822member: {old(lab, people['bela'])}") as alias:
        token, outcome = lab.send(alias)
        assert outcome.sent, outcome
        lab.receive(people["bela"], token)


def test_a_redirect_to_a_collapsed_domain_arrives_once(lab: Lab, people: People) -> None:
    giver, taker = people["silent"], people["alma"]
    lab.send(giver.mail)  # makes the home
    store, home = lab.store_of(giver).name, f"/mnt/home/{giver.uid}"
    assert post.wait_for(lambda: lab.run(store, f"test -d {home}/Maildir && echo yes", check=False).strip() == "yes", 60)
    lab.run(
        store,
        f"cat > {home}/.dovecot.sieve && chown {giver.number}:100 {home}/.dovecot.sieve",
        f'require ["copy"];\nredirect :copy "{old(lab, taker)}";\n',
    )
    try:
        token, outcome = lab.send(giver.mail)
        assert outcome.sent, outcome
        lab.receive(taker, token)
        lab.receive(giver, token)
    finally:
        lab.run(store, f"rm -f {home}/.dovecot.sieve*")
