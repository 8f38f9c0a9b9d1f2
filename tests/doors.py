"""The ports where somebody speaks in the clear first and may turn to TLS, as an attacker between the two would use them."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from tests.attacks import Conversation, Step, plain
from tests.laboratory import Lab
from tests.talker import REPLY


@dataclass(frozen=True)
class Protocol:
    """How a protocol is spoken. answer: pattern of the last line of an answer. agrees: of the answer to starttls.

    silent_after: whether the server waits for the client after the handshake, or speaks first. question: what only those may ask who have
    said more than a greeting. refused: the answer of somebody who heard nothing before it. farewell, parted: goodbye and its whole answer.
    """

    greeting: str
    hello: str
    answer: str
    starttls: str
    agrees: str
    question: str
    refused: str
    farewell: str
    parted: str
    injected: tuple[str, ...]
    speaks_first: bool = False


PROTOCOLS = {
    "smtp": Protocol(
        REPLY,
        "EHLO client.elsewhere.test\r\n",
        REPLY,
        "STARTTLS",
        "^220",
        "RCPT TO:<postmaster@{domain}>\r\n",
        r"503 .*\r\n",
        "QUIT\r\n",
        r"221 .*\r\n",
        (
            "NOOP\r\n",
            "RSET\r\nNOOP\r\n",
            "STARTTLS\r\n",
            "EHLO injected\r\nMAIL FROM:<injected@elsewhere.test>\r\n",
            "EHLO injected\r\nMAIL FROM:<injected@elsewhere.test>\r\nRCPT TO:<postmaster@{domain}>\r\nDATA\r\n",
            "EHLO injected\r\nAUTH PLAIN {plain}\r\nMAIL FROM:<{mail}>\r\n",
            "MAIL FROM:<injected@elsewhere.test>",
            "QUIT\r\n",
        ),
    ),
    "imap": Protocol(
        r"\* ",
        "a CAPABILITY\r\n",
        "[a-z] ",
        "b STARTTLS",
        "^b OK",
        "x SELECT INBOX\r\n",
        r"x (BAD|NO) .*\r\n",
        "y LOGOUT\r\n",
        r"\* BYE .*\r\ny OK .*\r\n",
        ("c NOOP\r\n", "c CAPABILITY\r\n", "c LOGIN {uid} {password}\r\n", "c AUTHENTICATE PLAIN {plain}\r\nd SELECT INBOX\r\n", "c NOO"),
    ),
    "pop3": Protocol(
        r"[+-]",
        "NOOP\r\n",
        r"[+-]",
        "STLS",
        r"^\+OK",
        "STAT\r\n",
        r"-ERR .*\r\n",
        "QUIT\r\n",
        r"\+OK.*\r\n",
        ("CAPA\r\n", "NOOP\r\n", "USER {uid}\r\nPASS {password}\r\n", "AUTH PLAIN {plain}\r\nLIST\r\n", "CAP"),
    ),
    "sieve": Protocol(
        "OK|NO|BYE",
        "NOOP\r\n",
        "OK|NO|BYE",
        "STARTTLS",
        "^OK",
        "LISTSCRIPTS\r\n",
        r"NO .*\r\n",
        "LOGOUT\r\n",
        r"OK.*\r\n",
        ("NOOP\r\n", "CAPABILITY\r\n", 'AUTHENTICATE "PLAIN" "{plain}"\r\n', 'AUTHENTICATE "PLAIN" "{plain}"\r\nLISTSCRIPTS\r\n', "NOO"),
        speaks_first=True,
    ),
}


@dataclass(frozen=True)
class Door:
    """A port, and a machine from which it can be reached. certificate: the port wants the machine's."""

    name: str
    machine: str
    to: str
    protocol: Protocol
    certificate: bool = False

    def open(self) -> list[Step]:
        """Return the first steps of a conversation in the clear."""
        return [("", self.protocol.greeting), (self.protocol.hello, self.protocol.answer)]

    def inject(self, text: str, end: str = "\r\n") -> tuple[Conversation, Conversation]:
        """Return two conversations in which a text stands behind STARTTLS: one that goes on with TLS, and one that listens in the clear."""
        begin: list[Step] = [*self.open(), (f"{self.protocol.starttls}{end}{text}", self.protocol.answer, self.protocol.agrees)]
        first: list[Step] = [("", self.protocol.answer)] if self.protocol.speaks_first else []
        ask: list[Step] = [(self.protocol.question, self.protocol.answer), (self.protocol.farewell, "")]
        secretly = Conversation([*begin, ("tls",), *first, *ask], self.to, certificate=self.certificate, patience=5)
        return secretly, Conversation([*begin, ("", "")], self.to, patience=1.5)


def doors(lab: Lab) -> list[Door]:
    """Return every port of the cluster that offers STARTTLS, where people, strangers and neighbours meet it."""
    inventory = lab.inventory
    world, proxy, here, there = lab.outside.name, lab.proxy, *lab.stores[:2]
    ports = {"imap": 143, "pop3": 110, "sieve": 4190}
    found = [Door(f"proxy {name}", world, f"{proxy.public_address}:{port}", PROTOCOLS[name]) for name, port in ports.items()]
    found += [Door(f"mailstore {name}", proxy.name, f"{here.address}:{port}", PROTOCOLS[name]) for name, port in ports.items()]
    smtp = [
        ("exchanger 25", world, f"{lab.exchanger.public_address}:25"),
        ("mailstore 25", lab.exchanger.name, f"{here.address}:25"),
        ("mailstore 2525", there.name, f"{here.address}:2525"),
    ]
    for machine in inventory.machines("submission")[:1]:
        smtp.append(("submission 587", world, f"{machine.public_address}:587"))
        smtp.append(("submission 25", inventory.machines("dns")[0].name, f"{machine.address}:25"))
    found.append(Door("way out 2526", here.name, f"{lab.exchanger.address}:2526", PROTOCOLS["smtp"], certificate=True))
    return found + [Door(name, machine, to, PROTOCOLS["smtp"]) for name, machine, to in smtp]


def words(lab: Lab, uid: str, password: str, mail: str) -> dict[str, str]:
    """Return what stands for the words in braces of a protocol: a login that is right."""
    login = base64.b64encode(uid.encode()).decode()
    return {"uid": uid, "password": password, "mail": mail, "plain": plain(uid, password), "login": login, "domain": lab.inventory.domain}
