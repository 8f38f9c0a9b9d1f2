"""How much people and devices may send: exactly so much, with one warning, and what is too much waits for somebody to look at it."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin
from tests.laboratory import DELIVERY, Lab
from tests.people import Person
from tests.rationing import Counter, counter, device, everywhere, senders, subjects

__all__ = ["counter", "device", "senders"]
WARNED, WAITS = "You write to many people", "Your letter waits to be looked at"
SKIM = "/etc/posthouse/skim.toml"


def test_a_person_is_stopped_exactly_at_the_number_in_the_directory(lab: Lab, counter: Counter, senders: dict[str, Person]) -> None:
    person, reader = senders["tight"], senders["reader"]
    arriving = [counter.hand_in(person, [reader, person])]
    arriving += [counter.hand_in(person, [reader]) for _ in range(3)]
    assert counter.held("person", person.uid) == []
    code, row = counter.ask("rates", "show", "person", person.uid)
    assert (code, row["used"], row["soft"], row["hard"]) == (1, 5, 2, 5)

    token = counter.hand_in(person, [reader])
    (kept,) = counter.held("person", person.uid)
    assert (kept["person"], kept["recipients"], kept["sender"], kept["from"]) == (person.uid, 1, person.mail, person.mail)
    assert token in kept["subject"]
    for one in arriving:
        lab.receive(reader, one)

    assert counter.ask("held", "release", "--person", person.uid)[0] == 0
    lab.receive(reader, token)
    assert counter.used(person) == 5, "what somebody has let go is not counted"
    assert post.wait_for(lambda: WAITS in subjects(lab, person), DELIVERY)
    assert [one for one in subjects(lab, person) if one in (WARNED, WAITS)] == [WARNED, WAITS]
    assert everywhere(lab, f"A letter of {person.uid} waits to be looked at") == 1, "the postmaster is told"


def test_one_letter_to_too_many_waits_and_smaller_ones_pass(counter: Counter, senders: dict[str, Person]) -> None:
    person = senders["alone"]
    counter.hand_in(person, [senders[name] for name in ("reader", "tight", "alone", "lists", "locked")] + [person, senders["reader"]])
    assert counter.used(person) == 0
    assert len(counter.held("person", person.uid)) == 1
    counter.hand_in(person, [senders["reader"]])
    assert counter.used(person) == 1
    (kept,) = counter.held("person", person.uid)
    assert counter.ask("held", "delete", kept["id"])[0] == 0
    assert counter.held("person", person.uid) == []


def test_nobody_counts_who_has_no_limit_and_everything_waits_of_who_may_nothing(counter: Counter, senders: dict[str, Person]) -> None:
    counter.hand_in(senders["lists"], [senders["reader"]] * 8)
    assert counter.held("person", senders["lists"].uid) == []
    assert counter.ask("rates", "show", "person", senders["lists"].uid)[0] == 0
    counter.hand_in(senders["locked"], [senders["reader"]])
    assert counter.ask("held", "delete", "--person", senders["locked"].uid)[0] == 0


def test_a_device_is_stopped_exactly_at_its_number(lab: Lab, counter: Counter, device: Origin, senders: dict[str, Person]) -> None:
    reader, sender = senders["reader"], f"printer@{lab.inventory.domain}"
    assert device.source
    send = partial(lab.send, reader.mail, sender, origin=device, host=counter.address)
    for _ in range(5):
        token, outcome = send()
        assert outcome.sent, outcome
        lab.receive(reader, token)
    assert counter.held("device", device.source) == []

    token, outcome = send(headers=[("Subject", "=?utf-8?q?too_much_=1B[2J?=")])
    assert outcome.sent, "what is too much is kept and not refused"
    (kept,) = counter.held("device", device.source)
    assert (kept["person"], kept["recipients"], kept["sender"]) == (None, 1, sender)
    shown = lab.run(counter.name, f"held list --device {device.source}; held show {kept['id']}")
    assert "too much \\x1b[2J" in shown
    assert "\x1b" not in shown
    assert f"why: more than 5 recipients in 3600 s by device:{device.source}" in shown

    assert lab.run(counter.name, f"held release --check {kept['id']}").startswith("would release ")
    assert counter.held("device", device.source)
    code, answer = counter.ask("held", "release", kept["id"])
    assert (code, answer["results"][0]["result"]) == (0, "released")
    lab.receive(reader, token)
    assert f"released: queue_id={kept['id']} by=" in lab.run(counter.name, "journalctl -t held -o cat -n 5")
    assert counter.ask("held", "release", kept["id"])[0] == 4

    warned, waits = f"Near the limit: the device {device.source}", f"A letter of the device {device.source} waits"
    assert post.wait_for(lambda: everywhere(lab, warned) == everywhere(lab, waits) == 1, DELIVERY)


@pytest.fixture(scope="module")
def skim(lab: Lab, counter: Counter) -> Iterator[Callable[[str], None]]:
    """Has the milter's rule do something about letters to one and more, as an inventory would; in the end it is off again."""
    lab.run(counter.name, f"cp -p {SKIM} {SKIM}.test")

    def does(action: str) -> None:
        change = f's/^from_mismatch = .*/from_mismatch = "{action}"/; s/^from_mismatch_recipients = .*/from_mismatch_recipients = 0/'
        lab.run(counter.name, f"sed -i '{change}' {SKIM}")

    yield does
    lab.run(counter.name, f"mv {SKIM}.test {SKIM}")


def test_the_milter_says_nothing_unless_it_is_told_to(lab: Lab, counter: Counter, senders: dict[str, Person]) -> None:
    lab.receive(senders["reader"], counter.hand_in(senders["lists"], [senders["reader"]], author=f"Dean <dean@{lab.inventory.domain}>"))
    assert "from_mismatch" not in lab.run(counter.name, f"journalctl -u posthouse-skim -o cat --grep {senders['lists'].uid} || true")


def test_the_milter_sees_who_writes_in_whose_name(
    lab: Lab, counter: Counter, senders: dict[str, Person], skim: Callable[[str], None]
) -> None:
    person, reader = senders["lists"], senders["reader"]
    for action in ("log", "hold"):
        skim(action)
        own = counter.hand_in(person, [reader])
        dean = counter.hand_in(person, [reader], author=f"Dean <dean@{lab.inventory.domain}>")
        lab.receive(reader, own)
        held = counter.held("person", person.uid)
        assert len(held) == (action == "hold")
        for letter in held:
            assert letter["from"].startswith("Dean ")
            assert "why: " in lab.run(counter.name, f"held show {letter['id']}")
            assert counter.ask("held", "release", letter["id"])[0] == 0
        lab.receive(reader, dean)
        said = lab.run(counter.name, f"journalctl -u posthouse-skim -o cat --grep 'from_mismatch: {action}: .* person={person.uid} '")
        assert len(said.splitlines()) == 1
    skim("reject")
    with pytest.raises(smtplib.SMTPDataError, match=r"5\.7\.1 "):
        counter.hand_in(person, [reader], author=f"Dean <dean@{lab.inventory.domain}>")
    lab.receive(reader, counter.hand_in(person, [reader]))
