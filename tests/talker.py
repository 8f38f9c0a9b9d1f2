"""Says bytes to servers exactly as told, and reports what they answered. Its text is sent to a machine of the lab and runs there.

Mail programs are too polite to attack with: they wait for each answer, end lines as they should, and read more than they were asked.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

#: The last line of an answer of SMTP and LMTP (RFC 5321, 4.2.1).
REPLY = r"\d{3}( |\r?$)"


class Connection:
    """One connection, read byte by byte: what comes after an answer stays where the next step, or TLS, finds it."""

    def __init__(self, place: str, source: str, patience: float) -> None:
        """place: host:port, or the path of a socket. source: the address to come from, empty for the machine's own."""
        if place.startswith("/"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(patience)
            self.socket.connect(place)
        else:
            host, _, port = place.rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)), patience, (source, 0) if source else None)

    def secure(self, certificate: str, key: str) -> None:
        """Speak TLS from here on; an attacker looks at no certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket)

    def read(self, until: str) -> str:
        """Return what comes up to and with the line that the pattern matches; without a pattern, up to the end."""
        line, text = b"", b""
        try:
            while byte := self.socket.recv(1 if until else 65536):
                text += byte
                line += byte
                if until and byte == b"\n":
                    if re.match(until, line.decode("latin-1")):
                        return text.decode("latin-1")
                    line = b""
        except TimeoutError:
            return text.decode("latin-1") + "[silence]"
        except OSError as fault:
            return text.decode("latin-1") + f"[{type(fault).__name__}]"
        return text.decode("latin-1") + ("[closed]" if until else "")


def talk(session: dict[str, Any]) -> list[str]:
    """Hold one conversation and return an answer for each step.

    session: to, and perhaps source, patience (seconds), certificate, key; steps: each ["tls"], or [bytes as Latin-1, pattern of the
    answer's last line, pattern that the answer must have somewhere for the conversation to go on]. An empty pattern of the last line
    reads to the end, None reads nothing; the third may be left out.
    """
    answers: list[str] = []
    try:
        connection = Connection(session["to"], session.get("source", ""), session.get("patience", 20))
    except OSError as fault:
        return [f"[{type(fault).__name__}]"]
    answers += say(connection, session["steps"], session)
    connection.socket.close()
    return answers


def say(connection: Connection, steps: list[Any], session: dict[str, Any]) -> list[str]:
    """Take these steps on an open connection; return an answer for each that was taken."""
    answers: list[str] = []
    for step in steps:
        try:
            if step[0] == "tls":
                connection.secure(session.get("certificate", ""), session.get("key", ""))
                answers.append("")
                continue
            if step[0]:
                connection.socket.sendall(step[0].encode("latin-1"))
            answers.append("" if step[1] is None else connection.read(step[1]))
            if len(step) > 2 and not re.search(step[2], answers[-1], re.MULTILINE):
                break
        except (OSError, ValueError) as fault:
            answers.append(f"[{type(fault).__name__} {getattr(fault, 'reason', '')}]")
    return answers


def propose(session: dict[str, Any]) -> list[str]:
    """Offer letters, each in an envelope of its own, and send what is taken, if it has a text; return for each the answer that decided.

    session: to, begin (steps up to where MAIL may follow), letters (sender, recipient, text each), patience; and what talk() knows. A
    connection is left after as many refusals as servers bear.
    """
    answers: list[str] = []
    waiting = list(session["letters"])
    while waiting:
        try:
            connection = Connection(session["to"], session.get("source", ""), session.get("patience", 20))
        except OSError as fault:
            return [*answers, *[f"[{type(fault).__name__}]"] * len(waiting)]
        begun = say(connection, session["begin"], session)
        refused = 0
        if len(begun) < len(session["begin"]) or not re.match(r"2\d\d", begun[-1]):
            return [*answers, *[begun[-1]] * len(waiting)]
        while waiting and refused < 8:
            sender, recipient, text = waiting.pop(0)
            envelope = [[f"MAIL FROM:<{sender}>\r\n", REPLY, "^250 "], [f"RCPT TO:<{recipient}>\r\n", REPLY, "^250 "]]
            letter = [["DATA\r\n", REPLY, "^354 "], [f"{text}\r\n.\r\n", REPLY, "^250 "]]
            answers.append(say(connection, envelope + (letter if text else []), session)[-1])
            refused += not answers[-1].startswith("250 ")
            if not say(connection, [["RSET\r\n", REPLY]], session)[0].startswith("250 "):
                break  # the server has ended it
        connection.socket.close()
    return answers


def main(sessions: list[dict[str, Any]], at_once: int) -> None:
    """Hold all conversations, some at once, and print the answers as JSON."""
    with ThreadPoolExecutor(at_once) as pool:
        json.dump(list(pool.map(lambda session: propose(session) if "letters" in session else talk(session), sessions)), sys.stdout)
