"""The directory may be away, in part or as a whole: nobody is told that a person does not exist, and nothing is lost."""

from __future__ import annotations

import imaplib
import time

import pytest

from frontdoor import post
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People

PATIENCE = 15.0  # seconds that a person's mail program may be kept waiting by a fault


@pytest.mark.parametrize("which", ["provider", "replica"])
def test_with_one_directory_away_logins_and_deliveries_go_on(lab: Lab, people: People, which: str) -> None:
    machines = [machine.name for machine in lab.inventory.machines(f"directory_{which}")]
    began = time.time()
    with faults.stopped(lab, "slapd", machines):
        for name in ("alma", "bela"):
            started = time.monotonic()
            with lab.imap(people[name]) as client:
                assert client.select("INBOX")[0] == "OK"
            assert time.monotonic() - started < PATIENCE
            token, outcome = lab.send(people[name].mail)
            assert outcome.sent, outcome
            lab.receive(people[name], token)
        assert faults.refusals(lab, began) == ""


def test_with_the_whole_directory_away_nothing_is_refused_and_nothing_lost(lab: Lab, people: People) -> None:
    machines = [machine.name for machine in lab.inventory.machines("directory")]
    began = time.time()
    tokens: dict[str, list[str]] = {"alma": [], "bela": [], "copy": [], "homeless": []}
    with faults.stopped(lab, "slapd", machines):
        # The exchanger still has its last good table: it takes mail or says "later", from everybody who ever existed.
        for name, sent in tokens.items():
            token, outcome = lab.send(people[name].mail)
            assert outcome.sent or outcome.code // 100 == 4, outcome
            sent.extend([token] if outcome.sent else [])
        # Mailstores ask the directory itself; they say "later".
        for store in lab.stores:
            for name in ("alma", "bela", "nobody"):
                address = people.address(name)
                _, outcome = lab.send(address, origin=lab.origin(lab.exchanger.name), host=store.address)
                assert outcome.sent or outcome.code // 100 == 4, (store.name, name, outcome)
        # The table is made anew while there is nothing to make it from; it must stay what it was.
        lab.run(
            lab.exchanger.name,
            "systemctl list-units --plain --no-legend 'posthouse-recipients*' | cut -d' ' -f1 | xargs -r systemctl restart",
            check=False,
        )
        time.sleep(3)  # what must not happen gets the time to happen
        _, outcome = lab.send(people["bela"].mail)
        assert outcome.sent or outcome.code // 100 == 4, outcome
        with pytest.raises((imaplib.IMAP4.error, OSError)) as refusal:
            lab.imap(people["alma"])
        assert "AUTHENTICATIONFAILED" not in str(refusal.value), "a person with the right password is not told that it is wrong"
        faults.flush(lab)
    assert faults.refusals(lab, began) == ""
    assert post.wait_for(lambda: lab.knows(people["alma"].mail), 60)
    faults.flush(lab)
    for name, sent in tokens.items():
        assert sent, f"the exchanger took nothing for {name} although it has its table"
        if name != "homeless":
            for token in sent:
                lab.receive(people[name], token, seconds=120)
    for token in tokens["copy"]:
        lab.receive(people["bela"], token)
    assert faults.refusals(lab, began) == ""


def test_a_frozen_directory_is_not_a_silent_one(lab: Lab, people: People) -> None:
    """A slapd that accepts connections and never answers: the other one is asked after a while, and nobody is refused."""
    machine = lab.inventory.machines("directory_replica")[0].name
    began = time.time()
    with faults.window():
        lab.run(machine, "systemctl kill --signal=STOP slapd")
        try:
            token, outcome = lab.send(people["bela"].mail)
            assert outcome.sent, outcome
            # Postfix gives a question up after 5 s and asks the other server, so the letter comes to its mailstore. Dovecot's auth, whose
            # connection was open, waits for its own server (seen: 115 s and no end): there the letter waits, and nobody gives it up.
            seen = f"journalctl -q --since=-3min | grep -c 'message-id=<{token}@'"

            def handed_over() -> bool:
                faults.flush(lab)
                return int(lab.run(lab.store_of(people["bela"]).name, seen, check=False) or 0) > 0

            assert post.wait_for(handed_over, 90, pause=3)
        finally:
            lab.run(machine, "systemctl kill --signal=CONT slapd")
    lab.receive(people["bela"], token)
    assert faults.refusals(lab, began) == ""


def test_a_letter_to_an_address_of_two_people_waits_until_the_directory_is_mended(lab: Lab, people: People) -> None:
    """The directory refuses the same value of one attribute twice, but not one's mail as another's mailAlternateAddress."""
    owner, rival = people["visitor"], people["alma"]
    began = time.time()
    with faults.window(), lab.changed(rival, "mailAlternateAddress", owner.mail):
        token, outcome = lab.send(owner.mail)
        assert outcome.sent, outcome
        queue = "postqueue -c /etc/postfix-inside -p"
        assert post.wait_for(lambda: owner.mail in lab.run(lab.exchanger.name, queue), 30), "the letter waits on the exchanger"
        for store in lab.stores:
            _, answer = lab.send(owner.mail, origin=lab.origin(lab.exchanger.name), host=store.address)
            assert answer.code // 100 == 4, (store.name, answer)
        assert lab.count(owner, token) == lab.count(rival, token) == 0
    assert faults.refusals(lab, began) == ""

    def arrived() -> bool:
        faults.flush(lab)
        return lab.count(owner, token) > 0

    assert post.wait_for(arrived, 120), "the letter did not come after the directory was mended"
    lab.receive(owner, token)
    assert lab.count(rival, token) == 0
