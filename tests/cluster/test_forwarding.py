"""mailForwardingAddress and deliveryMode mean what they mean in qmail-ldap: forwarding alone does not empty the mailbox."""

from __future__ import annotations

import pytest

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People

#        recipient: who has the letter afterwards, who has not
MODES = {
    "copy": (["copy", "bela"], ["alma"]),
    "moved": (["alma", "bela"], ["moved"]),
    "keeps": (["keeps"], ["alma"]),
}


@pytest.mark.parametrize("name", MODES)
def test_forwards_and_mailboxes(lab: Lab, people: People, name: str) -> None:
    having, missing = MODES[name]
    token, outcome = lab.send(people[name].mail)
    assert outcome.sent, outcome
    for one in having:
        lab.receive(people[one], token)
    for one in missing:
        assert lab.count(people[one], token) == 0, f"{one} has a letter that was not for them"


def test_two_people_who_forward_to_each_other_do_not_keep_a_letter_going(lab: Lab, people: People) -> None:
    """They live on two mailstores, and each store follows its own person's forward: one copy comes back before the loop is seen
    (Delivered-To, docs/decisions/0008-mailstore.md), and then it ends, as in qmail-ldap with 5.4.6 for the sender."""
    token, outcome = lab.send(people["circle"].mail)
    assert outcome.sent, outcome

    both = [people["circle"], people["ring"]]
    assert post.wait_for(lambda: all(lab.count(person, token) for person in both), 60)
    # Time for another round, had there been one: a round takes a fifth of a second.
    assert not post.wait_for(lambda: any(lab.count(person, token) > 2 for person in both), 5)


def test_a_forward_out_of_the_cluster_leaves_it(lab: Lab, people: People) -> None:
    token, outcome = lab.send(people["outward"].mail)
    assert outcome.sent, outcome
    assert post.wait_for(lambda: outside_has(lab, token), 60), "the letter did not reach out@elsewhere.test"
    assert lab.count(people["outward"], token) == 0


def outside_has(lab: Lab, token: str) -> bool:
    return (
        lab.run(lab.outside.name, f"grep -rl {token} /var/mail /var/spool/internet /home/*/Maildir 2>/dev/null", check=False).strip() != ""
    )
