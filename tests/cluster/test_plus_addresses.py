"""A plus in an address is a letter like any other: what the directory gives to one person never reaches the person before the plus."""

from __future__ import annotations

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People


def test_an_address_with_a_plus_is_its_owners_and_not_the_person_before_the_plus(lab: Lab, people: People) -> None:
    owner, other = people["alma"], people["bela"]
    here, there = f"{owner.uid}+shop@{owner.domain}", f"{other.uid}+shop@{other.domain}"
    with lab.changed(owner, "mailAlternateAddress", there):
        assert post.wait_for(lambda: lab.knows(there), 60)
        token, outcome = lab.send(there)
        assert outcome.sent, outcome
        lab.receive(owner, token)
        assert lab.count(other, token) == 0
    assert not lab.knows(here), "a person's address with something after a plus is another address"
    assert post.wait_for(lambda: not lab.knows(there), 60)


def test_an_address_with_a_plus_whose_beginning_is_nobody_arrives(lab: Lab, people: People) -> None:
    owner = people["bela"]
    address = f"nobody{people.run}+shop@{owner.domain}"
    with lab.changed(owner, "mailAlternateAddress", address):
        assert post.wait_for(lambda: lab.knows(address), 60)
        token, outcome = lab.send(address)
        assert outcome.sent, outcome
        lab.receive(owner, token)
