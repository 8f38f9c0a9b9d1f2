"""Where somebody sat who handed a letter in is nobody's business: no address and no name of the client stands in what leaves the site."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin
from tests.laboratory import Lab
from tests.people import People, Person

#: What a computer calls itself, which says more of a person than an address.
NAME = "almas-laptop.home.elsewhere.test"
LITERAL = "[192.168.77.8]"


@dataclass(frozen=True)
class Way:
    """A way to hand a letter in: from where, to which port, and whether with a login."""

    name: str
    origin: Callable[[Lab], Origin]
    port: int
    helo: str
    login: bool = True


def at_home(lab: Lab) -> Origin:
    return lab.stranger()


def on_campus(lab: Lab) -> Origin:
    return lab.origin(lab.inventory.machines("dns")[0].name)


WAYS = [
    Way("at home, 465", at_home, 465, NAME),
    Way("at home, 587", at_home, 587, LITERAL),
    Way("on the campus, 587", on_campus, 587, NAME),
    Way("on the campus, 25", on_campus, 25, "printer-in-room-17.elsewhere.test", login=False),
]


def hand_in(lab: Lab, way: Way, person: Person, recipients: list[str]) -> tuple[str, list[str]]:
    """Hand a letter in; return its token, and what it may not say: the client's address and names."""
    origin = way.origin(lab)
    machine = lab.inventory.machines("submission")[0]
    inside = origin.source is None
    token = post.new_token()
    sender = person.mail if way.login else f"printer@{lab.inventory.domain}"
    letter = post.letter(token, sender, recipients[0]).replace(f"Message-ID: <{token}@client.elsewhere.test>\r\n".encode(), b"")
    address = machine.address if inside else machine.public_address
    with origin.smtp(address, way.port, way.helo, tls_name=machine.fqdn if way.port == 465 else "") as client:
        if way.port == 587:
            client.secure(machine.fqdn)
        if way.login:
            client.login(person.uid, person.password)
        refused = client.sendmail(sender, recipients, letter)
    assert not refused
    campus = lab.inventory.machines("dns")[0]
    return token, [way.helo, way.helo.strip("[]"), *((campus.address, campus.fqdn) if inside else (origin.source or "?",))]


def outside_copy(lab: Lab, token: str) -> str:
    """Return the letter as the world has it, and nothing until then."""
    return lab.run(lab.outside.name, f"grep -rlF {token} /var/mail | head -n 1 | xargs -r cat", check=False)


def said(text: str, secret_words: list[str]) -> list[str]:
    return [word for word in secret_words if word.lower() in text.lower()]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_no_header_says_where_the_writer_sat(lab: Lab, people: People, way: Way) -> None:
    writer, reader = people["alma"], people["bela"]
    token, words = hand_in(lab, way, writer, [reader.mail, "reader@elsewhere.test"])
    message: EmailMessage = lab.receive(reader, token)
    assert said(message.as_bytes().decode("latin-1"), words) == []
    outside = post.wait_for(lambda: outside_copy(lab, token), 60)
    assert outside, "the letter did not reach the world"
    assert said(outside, words) == []
    # Not because the letter lost its path: who looks for it finds the queue's name in the log.
    assert re.search(rf"^(Received:)?\s*(from .*)?by {lab.inventory.machines('submission')[0].fqdn} .*id \w+", outside, re.MULTILINE), (
        outside
    )


def test_no_report_says_where_the_writer_sat(lab: Lab, people: People) -> None:
    """A letter to a domain that is nowhere comes back, with what it was and why."""
    writer = people["alma"]
    nowhere = f"nobody@{secrets.token_hex(4)}.elsewhere.test"
    token, words = hand_in(lab, WAYS[0], writer, [nowhere])

    def report() -> list[EmailMessage]:
        with lab.imap(writer) as client:
            return post.search(client, "TEXT", nowhere)

    found = post.wait_for(report, 60)
    assert found, "no report came back"
    text = found[0].as_bytes().decode("latin-1")
    assert token in text
    assert said(text, words) == []
