"""Letters with a token: written, handed over, found again, and the path they took."""

from __future__ import annotations

import email
import email.policy
import email.utils
import imaplib
import re
import secrets
import smtplib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TypeVar

from frontdoor.mailclient import Imap, Smtp

MARK = "X-Posthouse-Token"
Answer = TypeVar("Answer")
IMAP_ERROR = imaplib.IMAP4.error

RECEIVED_BY = re.compile(r"\bby\s+(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """How the server took a letter. stage: greeting, helo, mail, rcpt, data, or sent; code and text are its reply there."""

    stage: str
    code: int
    text: str

    @property
    def sent(self) -> bool:
        """The server took responsibility."""
        return self.stage == "sent"

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.stage}: {self.code} {self.text}"


def new_token() -> str:
    """Return a word that nobody has written before."""
    return "t" + secrets.token_hex(8)


def letter(token: str, sender: str, to: str, subject: str = "", body: str = "", headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """Write a message that carries token in a header and in its subject; lines end with CRLF."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject or f"A letter with {token}"
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = f"<{token}@client.elsewhere.test>"
    message[MARK] = token
    for name, value in headers:
        del message[name]
        message[name] = value
    message.set_content(body or f"Token {token}.\n")
    return message.as_bytes()


def hand_over(
    connect: Callable[[], Smtp], sender: str, recipients: Sequence[str], message: bytes, tls_name: str = ""
) -> dict[str, Outcome]:
    """Hand one message to a server; return how it ended for each recipient.

    connect: opens the connection. tls_name: STARTTLS first, and the certificate must be of this name.
    """

    def everyone(stage: str, code: int, text: bytes | str) -> dict[str, Outcome]:
        outcome = Outcome(stage, code, text.decode(errors="replace") if isinstance(text, bytes) else text)
        return dict.fromkeys(recipients, outcome)

    stage = "greeting"
    outcomes: dict[str, Outcome] = {}
    try:
        with connect() as client:
            stage = "helo"
            if tls_name:
                client.secure(tls_name)
            client.ehlo_or_helo_if_needed()
            stage = "mail"
            code, text = client.mail(sender)
            if code != 250:
                return everyone(stage, code, text)
            stage = "rcpt"
            for recipient in recipients:
                code, text = client.rcpt(recipient)
                outcomes[recipient] = Outcome(stage, code, text.decode(errors="replace"))
            accepted = [recipient for recipient, outcome in outcomes.items() if outcome.code // 100 == 2]
            if accepted:
                stage = "data"
                code, text = client.data(message)
                ended = Outcome("sent" if code == 250 else stage, code, text.decode(errors="replace"))
                outcomes.update(dict.fromkeys(accepted, ended))
    except smtplib.SMTPResponseException as refusal:
        return everyone(stage, refusal.smtp_code, refusal.smtp_error)
    except (smtplib.SMTPServerDisconnected, ConnectionError) as fault:
        if outcomes and all(outcome.sent or outcome.code >= 400 for outcome in outcomes.values()):
            return outcomes  # only the goodbye was lost
        return everyone(stage, 0, str(fault))
    return outcomes


def search(client: Imap, *criteria: str, mailbox: str = "INBOX") -> list[EmailMessage]:
    """Return the messages of a mailbox that IMAP's SEARCH finds (RFC 9051, 6.4.4)."""
    client.select(mailbox, readonly=True)
    _, found = client.search(None, *criteria)
    messages: list[EmailMessage] = []
    for number in (found[0] or b"").split():
        _, parts = client.fetch(number.decode(), "(BODY.PEEK[])")
        content = next((part[1] for part in parts if isinstance(part, tuple)), b"")
        messages.append(email.message_from_bytes(content, policy=email.policy.default))
    return messages


def find(client: Imap, token: str, mailbox: str = "INBOX") -> list[EmailMessage]:
    """Return the messages of a mailbox that carry token; none when there is no such mailbox."""
    if mailbox != "INBOX" and client.select(mailbox, readonly=True)[0] != "OK":
        return []
    return search(client, "HEADER", MARK, token, mailbox=mailbox)


def wait_for(question: Callable[[], Answer], seconds: float, pause: float = 0.25) -> Answer:
    """Ask until the answer is true or the time is over; return the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(pause * 1.3, 1.5)
    return answer


def path(message: EmailMessage) -> list[str]:
    """Return the machines that took the message, in its order of travel, each once, by short name (RFC 5321, 4.4)."""
    hops: list[str] = []
    for line in reversed(message.get_all("Received", [])):
        by = RECEIVED_BY.search(str(line))
        name = by[1].split(".")[0].lower() if by else "?"
        if not hops or hops[-1] != name:
            hops.append(name)
    return hops
