"""One client's connection: what Postfix tells of it, and the verdict at the end of each letter."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from posthouse.journal import NOTICE

from .rules import Letter, findings, worst
from .settings import Action, Settings

_log = logging.getLogger(__name__)
REPLY = "Your letter is not taken: its sender and its From do not name the same person"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a letter; the reason stands in Postfix's log."""

    action: Action
    reason: str = ""


class Session:
    """Collects what a milter is told. A letter begins with MAIL."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = ""
        self._letter = Letter()

    def connect(self, client: str) -> None:
        """A client has come, from this address."""
        self._client = client

    def mail(self, sender: str, login: str) -> None:
        """A letter begins. login: who has logged in, or nothing."""
        self._letter = Letter(client=self._client, login=login, sender=_bare(sender))

    def recipient(self) -> None:
        """One more recipient was accepted."""
        self._letter.recipients += 1

    def header(self, name: str, value: str) -> None:
        """A header field has come."""
        if name.lower() == "from":
            self._letter.authors.append(value)
        elif name.lower() == "content-type":
            self._letter.kind = self._letter.kind or value

    def end(self, queue_id: str) -> Verdict:
        """The letter has ended: judge it."""
        letter, self._letter = self._letter, Letter(client=self._client)
        found = findings(letter, self._settings)
        for one in found:
            words = f"{one.rule}: {one.action.value}: queue_id={safe(queue_id)} person={safe(letter.login)} client={safe(letter.client)}"
            words += f" recipients={letter.recipients} sender=<{safe(letter.sender)}> from=<{safe(' / '.join(letter.authors))}>"
            _log.log(NOTICE, "%s", words)
        return Verdict(worst(found), "; ".join(one.reason for one in found))


def _bare(address: str) -> str:
    return address[1:-1] if address.startswith("<") and address.endswith(">") else address


def safe(text: str) -> str:
    """Write what a client said so that it stays within its place in a log line."""
    return "".join(one if one.isascii() and one.isprintable() and one not in "<>=" else "?" for one in text[:200])
