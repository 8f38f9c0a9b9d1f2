"""Passwords travel under TLS or not at all: no port offers a login in the clear, and none takes one, though the password be right."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from tests.attacks import Conversation, Step, hold
from tests.doors import PROTOCOLS, Door, doors, words
from tests.laboratory import Lab
from tests.people import People
from tests.talker import REPLY

#: By protocol: the question after what is offered, what the answer may not say, and what it must say.
OFFERS = {
    "smtp": ("EHLO client.elsewhere.test\r\n", REPLY, r"(?i)^250[ -]AUTH", r"^250"),
    "imap": ("a CAPABILITY\r\n", "a ", r"AUTH=", r"LOGINDISABLED"),
    "pop3": ("CAPA\r\n", r"\.|-", r"(?m)^USER|^SASL +\S", r"^STLS"),
    "sieve": ("CAPABILITY\r\n", "OK|NO|BYE", r'"SASL" "[^"]', r"^.STARTTLS"),
}
#: Ways to log in, each a command and what every answer to it must match.
ATTEMPTS = {
    "smtp": (["AUTH PLAIN {plain}", "AUTH PLAIN", "AUTH LOGIN", "AUTH LOGIN {login}", "AUTH CRAM-MD5"], r"5\d\d "),
    "imap": (
        [
            "b LOGIN {uid} {password}",
            'b LOGIN "{uid}" "{password}"',
            "b AUTHENTICATE PLAIN {plain}",
            "b AUTHENTICATE PLAIN",
            "b AUTHENTICATE LOGIN",
        ],
        r"(\* .*\r\n)*b (NO|BAD) ",
    ),
    "pop3": (
        ["USER {uid}", "PASS {password}", "AUTH PLAIN {plain}", "AUTH PLAIN", "AUTH LOGIN", "APOP {uid} 00112233445566778899aabbccddeeff"],
        r"-ERR",
    ),
    "sieve": (['AUTHENTICATE "PLAIN" "{plain}"', 'AUTHENTICATE "PLAIN"', 'AUTHENTICATE "LOGIN"'], r"NO "),
}


@pytest.fixture(scope="module")
def by_machine(lab: Lab) -> dict[str, list[tuple[str, Door]]]:
    """Every port where somebody may speak in the clear, with its protocol, by the machine that reaches it."""
    found: dict[str, list[tuple[str, Door]]] = defaultdict(list)
    for door in doors(lab):
        protocol = next(name for name, one in PROTOCOLS.items() if one is door.protocol)
        found[door.machine].append((protocol, door))
    return found


def test_no_login_is_offered_in_the_clear(lab: Lab, by_machine: dict[str, list[tuple[str, Door]]]) -> None:
    for machine, some in by_machine.items():
        said = [Conversation([("", door.protocol.greeting), OFFERS[protocol][:2]], door.to) for protocol, door in some]
        for (protocol, door), (greeting, offer) in zip(some, hold(lab, machine, said), strict=True):
            _, _, never, always = OFFERS[protocol]
            assert not re.search(never, greeting + offer, re.MULTILINE), (door.name, offer)
            assert re.search(always, offer, re.MULTILINE), (door.name, offer)


def test_no_login_in_the_clear_is_heard(lab: Lab, people: People, by_machine: dict[str, list[tuple[str, Door]]]) -> None:
    """One connection a command: some servers end it after the first. Nobody is asked for more, which would be a password."""
    person = people["bela"]
    right = words(lab, person.uid, person.password, person.mail)
    for machine, some in by_machine.items():
        cases = [(door, command, ATTEMPTS[protocol][1]) for protocol, door in some for command in ATTEMPTS[protocol][0]]
        said = []
        for door, command, _ in cases:
            step: Step = (command.format(**right) + "\r\n", door.protocol.answer if "imap" not in door.name else r"b |\+")
            said.append(
                Conversation([*door.open(), step, (door.protocol.question.format(**right), door.protocol.answer)], door.to, patience=8)
            )
        for (door, command, refused), answers in zip(cases, hold(lab, machine, said, 4), strict=True):
            assert re.match(refused, answers[2]), (door.name, command, answers)
            assert re.match(r"5\d\d |x (BAD|NO) |-ERR|NO |.*\[", answers[3]), (door.name, command, answers)
