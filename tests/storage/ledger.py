"""What was acknowledged, against what is found: letters that flow to somebody while something is done to their mailstore.

A letter is acknowledged when a server has answered 250 to its text (RFC 5321, 4.2.5: it is responsible from then on). In the end each of
them lies in the mailbox, word for word, or waits in a queue; whatever is in neither place was lost. A letter whose connection broke
after its text is in doubt: it may be there or not, and its sender would send it again.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from frontdoor import post
from frontdoor.mailclient import Origin
from tests.laboratory import Lab
from tests.people import Person

#: About the median of a campus' mail without attachments, as in bench/mail.
LENGTH = 2000
DOMAIN = "elsewhere.test"
#: Letters read at a time, so that a mailbox that grew does not have to fit into one reply.
BATCH = 100


@dataclass
class Book:
    """What was sent, by token: the digest of its text."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    doubtful: dict[str, str] = field(default_factory=dict)
    refused: list[post.Outcome] = field(default_factory=list)

    def note(self, token: str, digest: str, outcome: post.Outcome) -> None:
        """Write down how a server took a letter."""
        if outcome.sent:
            self.acknowledged[token] = digest
        elif outcome.stage == "data" and outcome.code == 0:
            self.doubtful[token] = digest
        else:
            self.refused.append(outcome)

    def missing(self, found: Mapping[str, Collection[str]], waiting: Collection[str] = ()) -> list[str]:
        """Return what was acknowledged and neither lies in the mailbox nor waits. A letter with another text is not that letter."""
        return sorted(token for token, digest in self.acknowledged.items() if digest not in found.get(token, ()) and token not in waiting)

    @property
    def final(self) -> list[str]:
        """Refusals for good: a fault of ours that somebody's sender would have to hear of."""
        return sorted({str(outcome) for outcome in self.refused if outcome.code >= 500})


def text(token: str) -> str:
    """Return a text that no other letter has; short lines, so that nobody on the way has a reason to encode it."""
    return f"Token {token}.\n" + "".join(f"{secrets.token_hex(34)}\n" for _ in range(LENGTH // 69))


def digest_of(body: str) -> str:
    """Digest a text as it may come back: with other ends of lines, and one more or less at the end."""
    return hashlib.sha256("\n".join(body.rstrip().splitlines()).encode()).hexdigest()


def texts_in(letters: list[bytes]) -> dict[str, list[str]]:
    """Return the digests of all letters by token: two, when one came twice. An empty file has no token."""
    found: dict[str, list[str]] = {}
    for one in letters:
        message = email.message_from_bytes(one, policy=email.policy.default)
        if token := str(message.get(post.MARK, "")).strip():
            content = message.get_content() if message.get_content_type() == "text/plain" else ""
            found.setdefault(token, []).append(digest_of(str(content)))
    return found


def senders_in(listing: str) -> set[str]:
    """Return the tokens in what ``postqueue -j`` lists: each letter's envelope sender is its token."""
    entries: list[dict[str, Any]] = [json.loads(line) for line in listing.splitlines() if line.startswith("{")]
    return {str(entry["sender"]).partition("@")[0] for entry in entries}


class Ledger:
    """Letters to one person through one door."""

    def __init__(self, lab: Lab, person: Person, connect: Callable[[], Any]) -> None:
        """connect: opens a connection to whoever shall acknowledge."""
        self.lab, self.person, self.connect = lab, person, connect
        self.book = Book()
        self.doubles: list[str] = []
        self._read: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def send(self) -> post.Outcome:
        """Hand over one letter and write down how it was taken."""
        token = post.new_token()
        body = text(token)
        sender = f"{token}@{DOMAIN}"
        try:
            message = post.letter(token, sender, self.person.mail, body=body)
            outcome = post.hand_over(self.connect, sender, [self.person.mail], message)[self.person.mail]
        except OSError as fault:
            outcome = post.Outcome("greeting", 0, str(fault))
        with self._lock:
            self.book.note(token, digest_of(body), outcome)
        return outcome

    @contextmanager
    def flow(self, threads: int = 1, pause: float = 0.5) -> Iterator[None]:
        """Have letters flow while the block runs, no more than an emulated machine delivers; at its end every thread ends its letter."""
        enough = threading.Event()

        def go() -> None:
            while not enough.wait(pause if self.send().sent else 1.0):
                pass

        crew = [threading.Thread(target=go, daemon=True) for _ in range(threads)]
        for one in crew:
            one.start()
        try:
            yield
        finally:
            enough.set()
            for one in crew:
                one.join(90)

    def acknowledged(self, more: int, seconds: float = 60) -> None:
        """Wait until so many more letters have been acknowledged: what is done next happens under load."""
        wanted = len(self.book.acknowledged) + more
        took = post.wait_for(lambda: len(self.book.acknowledged) >= wanted, seconds, pause=0.1)
        assert took, f"{len(self.book.acknowledged)} of {wanted} letters were acknowledged in {seconds:.0f} s; {self.book.refused[-3:]}"

    def found(self) -> dict[str, list[str]]:
        """Return what lies in the mailbox, read over IMAP through the proxy; what was read by this ledger is not read again."""
        with self.lab.imap(self.person) as client:
            status, said = client.select("INBOX", readonly=True)
            assert status == "OK", said
            _, numbers = client.uid("SEARCH", f"UID {max(self._read, default=0) + 1}:*")
            new = [number for number in numbers[0].split() if int(number) not in self._read]
            for first in range(0, len(new), BATCH):
                _, parts = client.uid("FETCH", b",".join(new[first : first + BATCH]).decode(), "(BODY.PEEK[])")
                for part in parts:
                    if isinstance(part, tuple) and (uid := re.search(rb"UID (\d+)", part[0])):
                        self._read[int(uid[1])] = part[1]
        found = texts_in(list(self._read.values()))
        self.doubles = [token for token, texts in found.items() if len(texts) > 1]
        return found

    def waiting(self) -> set[str]:
        """Return what waits in any queue of the cluster. A copy for the backup is no letter for a person."""
        question = "for one in /etc/postfix /etc/postfix-*; do test $one = /etc/postfix-copies || postqueue -c $one -j; done"
        machines = [*self.lab.inventory.machines("exchanger"), *self.lab.stores]
        return set().union(*(senders_in(self.lab.run(machine.name, question, check=False)) for machine in machines))

    def settled(self, seconds: float) -> list[str]:
        """Wait until every acknowledged letter lies in the mailbox, pushing the queues; return what is missing then."""
        deadline = time.monotonic() + seconds
        pause = 1.0
        self._read.clear()  # what was seen before a fault proves nothing
        while (missing := self._missing()) and time.monotonic() < deadline:
            self.push()
            time.sleep(pause)
            pause = min(pause * 1.5, 8)
        return missing

    def _missing(self) -> list[str]:
        try:
            return self.book.missing(self.found())
        except (OSError, post.IMAP_ERROR) as fault:
            return [f"nobody can look: {fault}"]

    def push(self) -> None:
        """Try everything that waits now."""
        for machine in [*self.lab.inventory.machines("exchanger"), self.lab.store_of(self.person)]:
            self.lab.run(machine.name, "for one in /etc/postfix /etc/postfix-*; do postqueue -c $one -f; done", check=False)

    def __str__(self) -> str:
        """One line for people."""
        book = self.book
        taken, doubtful, refused = len(book.acknowledged), len(book.doubtful), len(book.refused)
        return f"{taken} acknowledged, {doubtful} in doubt, {refused} refused, {len(self.doubles)} came twice"


def through_exchanger(lab: Lab) -> Callable[[], Any]:
    """Return the internet's way in: the exchanger acknowledges."""
    return lab.smtp


def to_store(lab: Lab, person: Person) -> Callable[[], Any]:
    """Return the exchanger's way in: the person's mailstore itself acknowledges."""
    origin: Origin = lab.origin(lab.exchanger.name)
    return lambda: lab.smtp(origin, lab.store_of(person).address, helo=lab.exchanger.fqdn)
