"""Who cannot receive is refused while the sender is still connected, with the code that says why; the rest bounces clearly."""

from __future__ import annotations

import pytest

from frontdoor import post
from tests.laboratory import DELIVERY, Lab
from tests.people import People

DISABLED = (550, "5.2.1", "Mailaddress is administratively disabled.")
NO_MAILBOX = (550, "5.1.1", "")


@pytest.mark.parametrize(("name", "expected"), [("disabled", DISABLED), ("deleted", NO_MAILBOX)])
def test_accounts_that_receive_nothing_are_refused_at_rcpt(lab: Lab, people: People, name: str, expected: tuple[int, str, str]) -> None:
    _, outcome = lab.send(people[name].mail)
    assert outcome.stage == "rcpt", outcome
    assert outcome.code == expected[0], outcome
    assert expected[1] in outcome.text, outcome
    assert expected[2] in outcome.text, outcome


@pytest.mark.parametrize(("name", "expected"), [("disabled", DISABLED), ("deleted", NO_MAILBOX)])
def test_mailstores_refuse_them_at_rcpt_too(lab: Lab, people: People, name: str, expected: tuple[int, str, str]) -> None:
    store = lab.store_of(people[name])
    _, outcome = lab.send(people[name].mail, origin=lab.origin(lab.exchanger.name), host=store.address)
    assert (outcome.stage, outcome.code) == ("rcpt", expected[0]), outcome
    assert expected[1] in outcome.text, outcome
    assert expected[2] in outcome.text, outcome


def test_a_deleted_account_cannot_be_told_from_an_unknown_address(lab: Lab, people: People) -> None:
    _, deleted = lab.send(people["deleted"].mail)
    unknown_address = people.address("nobody")
    _, unknown = lab.send(unknown_address)
    assert (unknown.stage, unknown.code) == ("rcpt", 550), unknown
    assert deleted.text.replace(people["deleted"].mail, "?") == unknown.text.replace(unknown_address, "?")


@pytest.mark.parametrize(
    "address", ["nobody.at.all@{domain}", "catchall@{domain}", "@{domain}", "alma@{domain}.", "a b@{domain}", "x" * 65 + "@{domain}"]
)
def test_unknown_and_malformed_addresses_are_refused_at_rcpt(lab: Lab, address: str) -> None:
    _, outcome = lab.send(address.format(domain=lab.inventory.domain))
    assert (outcome.stage, outcome.code // 100) == ("rcpt", 5), outcome


def test_one_unknown_recipient_does_not_harm_the_other(lab: Lab, people: People) -> None:
    token, outcome = lab.send([people["bela"].mail, people.address("nobody")])
    assert (outcome.stage, outcome.code) == ("rcpt", 550), outcome
    lab.receive(people["bela"], token)


def test_a_letter_above_mail_size_max_is_refused_for_good(lab: Lab, people: People) -> None:
    person = people["letters"]
    token, outcome = lab.send(person.mail, body="small\n")
    assert outcome.sent, outcome
    lab.receive(person, token)
    token = big(lab, person.mail, 40_000)
    status = bounced(lab, token)
    assert "5.2.3" in status, status
    assert lab.count(person, token) == 0


def test_a_full_mailbox_refuses_for_good(lab: Lab, people: People) -> None:
    person = people["full"]
    lab.receive(person, big(lab, person.mail, 50_000))
    token = big(lab, person.mail, 50_000)
    status = bounced(lab, token)
    assert "5.2.2" in status, status
    assert "552" in status, status
    assert lab.count(person, token) == 0


def test_a_mailbox_with_its_full_number_of_letters_refuses_for_good(lab: Lab, people: People) -> None:
    person = people["few"]
    for _ in range(2):
        token, _ = lab.send(person.mail)
        lab.receive(person, token)
    token, outcome = lab.send(person.mail)
    assert outcome.sent, outcome
    assert "5.2.2" in bounced(lab, token)
    assert lab.count(person, token) == 0


def test_a_person_whose_mailhost_nobody_knows_gets_a_clear_bounce(lab: Lab, people: People) -> None:
    token, outcome = lab.send(people["lost"].mail)
    if outcome.sent:
        status = bounced(lab, token)
        assert any(code in status for code in ("5.3.5", "5.4.4", "5.4.6")), status
        assert "not a mailstore" in status or "none of our mailstores" in status, "the bounce says what is wrong"
    else:
        assert outcome.code // 100 == 5, outcome


def big(lab: Lab, to: str, size: int) -> str:
    token, outcome = lab.send(to, body=("x" * 70 + "\n") * (size // 71))
    assert outcome.sent, outcome
    return token


def bounced(lab: Lab, token: str) -> str:
    """Wait until the cluster gives a letter up and return the lines of the logs that say so (its sender is on no machine of ours)."""
    machines = [lab.exchanger.name, *(store.name for store in lab.stores)]

    def look() -> str:
        lines = []
        for machine in machines:
            queue_ids = "journalctl -q -o cat --since -5min | grep 'message-id=<" + token + "' | cut -d: -f1 | sort -u"
            command = f'for id in $({queue_ids}); do journalctl -q -o cat --since -5min | grep "^$id: .*status=bounced"; done'
            lines.append(lab.run(machine, command, check=False))
        return "".join(lines)

    found = post.wait_for(look, DELIVERY)
    assert found, f"{token} was not given up"
    return found
