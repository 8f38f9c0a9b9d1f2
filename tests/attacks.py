"""Conversations that are meant to go wrong: sent from machines of the lab by tests/talker.py, whose answers come back here."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from frontdoor import post
from tests import talker
from tests.laboratory import Lab
from tests.talker import REPLY

Step = tuple[str] | tuple[str, str | None] | tuple[str, str, str]
TLS: Step = ("tls",)


@dataclass(frozen=True)
class Conversation:
    """What is said in one connection. steps: see talker.talk."""

    steps: Sequence[Step]
    to: str
    source: str = ""
    certificate: bool = False
    patience: float = 20


def hold(lab: Lab, machine: str, conversations: Sequence[Conversation], at_once: int = 2) -> list[list[str]]:
    """Hold conversations from one machine, all with one call; return the answers to each."""
    return _run(lab, machine, [_session(one) for one in conversations], at_once)


def _session(one: Conversation) -> dict[str, Any]:
    """Write a conversation as the talker takes it."""
    session = {"to": one.to, "source": one.source, "patience": one.patience, "steps": [list(step) for step in one.steps]}
    shown = {"certificate": "/etc/ssl/posthouse/machine.pem", "key": "/etc/ssl/posthouse/machine.key"}
    return session | (shown if one.certificate else {})


def _run(lab: Lab, machine: str, sessions: Sequence[dict[str, Any]], at_once: int) -> list[list[str]]:
    source = Path(talker.__file__).read_text(encoding="utf-8")
    text = f"{source}\nmain(json.loads({json.dumps(json.dumps(sessions))}), {at_once})\n"
    answers: list[list[str]] = json.loads(lab.run(machine, "exec python3 -", text, timeout=300))
    return answers


def offer(
    lab: Lab, machine: str, rows: Sequence[tuple[Hop, Sequence[tuple[str, str, str]]]], at_once: int = 3
) -> list[list[tuple[str, str, str]]]:
    """Offer letters (sender, recipient, text) to hops from one machine, and send what is taken, all with one call.

    Returns for each hop sender, recipient and the answer that decided. Characters outside ASCII go as UTF-8.
    """
    sessions = []
    for hop, letters in rows:
        raw = [[part.encode().decode("latin-1") for part in letter] for letter in letters]
        sessions.append(_session(Conversation([], hop.to, certificate=hop.certificate)) | {"begin": hop.begin(), "letters": raw})
    answers = _run(lab, machine, sessions, at_once)
    return [
        [(sender, recipient, said) for (sender, recipient, _), said in zip(letters, all_said, strict=True)]
        for (_, letters), all_said in zip(rows, answers, strict=True)
    ]


@dataclass(frozen=True)
class Hop:
    """A port that speaks SMTP or LMTP, and where an attacker stands who reaches it.

    how: "clear", "starttls" or "tls". login: for AUTH PLAIN. outwards: whether it carries mail to the world; only: and to nobody else.
    private: a socket that is open to one server of ours alone.
    """

    name: str
    machine: str
    to: str
    how: str = "clear"
    hello: str = "EHLO client.elsewhere.test"
    login: tuple[str, str] | None = None
    certificate: bool = False
    outwards: bool = False
    only: bool = False
    private: bool = False
    sender: str = "writer@elsewhere.test"

    def begin(self, offers: str = "") -> list[Step]:
        """Return the steps up to where MAIL may follow, if the server offers something."""
        hello: Step = (f"{self.hello}\r\n", REPLY, rf"^250[ -]{offers}")
        greeting: Step = ("", REPLY)
        steps: list[Step] = [TLS, greeting, hello] if self.how == "tls" else [greeting, hello]
        if self.how == "starttls":
            steps[-1:] = [(f"{self.hello}\r\n", REPLY), ("STARTTLS\r\n", REPLY, "^220"), TLS, hello]
        if self.login:
            steps.append((f"AUTH PLAIN {plain(*self.login)}\r\n", REPLY))
        return steps

    def say(self, *steps: Step, offers: str = "") -> Conversation:
        """Return a conversation that begins as this hop wants it."""
        return Conversation([*self.begin(offers), *steps], self.to, certificate=self.certificate)


def plain(user: str, password: str, act_as: str = "") -> str:
    """Return the response of SASL PLAIN (RFC 4616)."""
    return base64.b64encode(f"{act_as}\0{user}\0{password}".encode()).decode()


def hops(lab: Lab, login: tuple[str, str], sender: str) -> list[Hop]:
    """Return every port of the cluster that takes letters, reached from where somebody could attack it.

    login, sender: of the person who hands letters in.
    """
    inventory = lab.inventory
    world = lab.outside.name
    campus = inventory.machines("dns")[0].name
    here, there = lab.stores[:2]
    found = [
        Hop("exchanger 25", world, f"{lab.exchanger.public_address}:25"),
        Hop("way out", here.name, f"{lab.exchanger.address}:2526", "starttls", certificate=True, outwards=True),
        Hop("mailstore 25", lab.exchanger.name, f"{here.address}:25"),
        Hop("mailstore 2525", there.name, f"{here.address}:2525", "starttls", hello=f"EHLO {there.fqdn}"),
        Hop("mailstore LMTP", here.name, "/var/spool/postfix/private/dovecot-lmtp", hello="LHLO localhost", private=True),
    ]
    # Where mail for the world gets its sender (roles/mx_inside).
    found.append(Hop("exchanger 10028", lab.exchanger.name, "127.0.0.1:10028", outwards=True, only=True))
    for machine in inventory.machines("exchanger")[:1] + inventory.machines("submission")[:1]:
        filtered = [10024] if machine.name in inventory.groups.get("content_filter", []) else []
        found += [Hop(f"{machine.name} {port}", machine.name, f"127.0.0.1:{port}", outwards=True) for port in [10023, *filtered, 10025]]
    for machine in inventory.machines("submission")[:1]:
        handing_in = Hop(
            f"{machine.name} 587", world, f"{machine.public_address}:587", "starttls", login=login, outwards=True, sender=sender
        )
        found += [
            handing_in,
            replace(handing_in, name=f"{machine.name} 465", to=f"{machine.public_address}:465", how="tls"),
            Hop(f"{machine.name} 25", campus, f"{machine.address}:25", hello=f"EHLO {campus}.{inventory.domain}"),
        ]
    return found


def codes(text: str) -> list[int]:
    """Return the code of every answer in a text, in order."""
    return [int(line[:3]) for line in text.splitlines() if re.match(REPLY, line)]


def carrier(token: str, sender: str, to: str) -> str:
    """Return the beginning of a letter, up to the middle of its text."""
    return post.letter(token, sender, to).decode("latin-1").rstrip("\r\n") + "\r\ntext"
