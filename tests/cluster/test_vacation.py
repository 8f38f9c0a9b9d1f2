"""Who is away answers each sender once, in the person's own words; nobody else answers anything."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

from frontdoor import post
from frontdoor.mailclient import Imap
from tests.laboratory import Lab
from tests.people import REPLY, People


def test_the_reply_comes_once_and_says_exactly_what_the_directory_says(lab: Lab, people: People) -> None:
    for _ in range(2):
        token, outcome = lab.send(
            people["away"].mail, people["alma"].mail, origin=lab.origin(lab.exchanger.name), host=lab.store_of(people["away"]).address
        )
        assert outcome.sent, outcome
        lab.receive(people["away"], token)
    # A letter that was sent later and is there shows that a second reply, had there been one, would be there too.
    later, _ = lab.send(people["alma"].mail)
    lab.receive(people["alma"], later)
    with lab.imap(people["alma"]) as client:
        replies = post.wait_for(lambda: answers(client, people["away"].mail), 60)
    assert len(replies) == 1, f"{len(replies)} replies"
    reply = replies[0]
    content = reply.get_content()
    assert content.replace("\r\n", "\n").rstrip("\n") == REPLY
    assert reply["Auto-Submitted"].startswith("auto-replied")
    assert reply["Return-Path"] == "<>"


def test_nobody_answers_the_null_sender_or_without_the_mode(lab: Lab, people: People) -> None:
    null, outcome = lab.send(people["away"].mail, "")
    assert outcome.sent, outcome
    silent, outcome = lab.send(people["silent"].mail, people["bela"].mail, **behind_the_door(lab))
    assert outcome.sent, outcome
    lab.receive(people["away"], null)
    lab.receive(people["silent"], silent)
    later, _ = lab.send(people["bela"].mail)
    lab.receive(people["bela"], later)
    with lab.imap(people["bela"]) as client:
        assert not answers(client, people["silent"].mail)


def test_lists_get_no_answer(lab: Lab, people: People) -> None:
    headers = [("Precedence", "list"), ("List-Id", "<l.elsewhere.test>")]
    token, outcome = lab.send(people["away"].mail, people["bela"].mail, headers=headers, **behind_the_door(lab))
    assert outcome.sent, outcome
    lab.receive(people["away"], token)
    later, _ = lab.send(people["bela"].mail)
    lab.receive(people["bela"], later)
    with lab.imap(people["bela"]) as client:
        assert not answers(client, people["away"].mail)


def behind_the_door(lab: Lab) -> dict[str, Any]:
    """Say where to hand in what the world may not: letters of our own people."""
    return {"origin": lab.origin(lab.exchanger.name), "host": "127.0.0.1", "port": 10023}


def answers(client: Imap, sender: str) -> list[EmailMessage]:
    """Return the messages in the inbox whose From is sender."""
    return post.search(client, "FROM", f'"{sender}"')
