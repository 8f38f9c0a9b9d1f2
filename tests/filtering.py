"""The content filter as the tests see it: letters go in at the door, and come out in a mailbox or in the quarantine."""
# ruff: noqa: S608, because these statements are for the lab's own database, with words that the tests themselves have chosen

from __future__ import annotations

import json
import re
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from frontdoor import post
from frontdoor.mailclient import Smtp
from tests.corpus.sample import MARK, Sample
from tests.laboratory import SENDER, Lab
from tests.people import People, Person

TOKEN = re.compile(r"\bt[0-9a-f]{16}\b")
CONNECTIONS = 4
#: Letters a second that the slowest machine shall manage; what is sent has this long, and a minute more.
PACE = 3.0
#: And that the fastest may.
FASTEST = 20.0


@dataclass
class Ledger:
    """What was sent, by token, and where it was found. refused: with the door's words. kept: as `quarantine list --json` says."""

    sent: dict[str, Sample] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrived: Counter[str] = field(default_factory=Counter)

    def missing(self) -> list[str]:
        """Name what was accepted and is in no place yet."""
        return [sample.name for token, sample in self.sent.items() if token not in self.kept and token not in self.arrived]

    def classes(self) -> dict[str, str]:
        """Return the name of each sample with the class under which it is kept, or "arrived", or "nowhere"."""
        found = {token: item["class"] for token, item in self.kept.items()} | dict.fromkeys(self.arrived, "arrived")
        return {sample.name: found.get(token, "nowhere") for token, sample in self.sent.items()}

    def token(self, name: str) -> str:
        """Return the token of a sample that was sent once."""
        return next(token for token, sample in self.sent.items() if sample.name == name)


class Filter:
    """The filter of a lab."""

    def __init__(self, lab: Lab) -> None:
        """lab: whose exchanger and quarantine."""
        self.lab = lab
        self.machine = lab.inventory.machines("content_filter")[0].name
        self.database = lab.inventory.machines("quarantine")[0].name

    def campus(self) -> Smtp:
        """Connect to the submission machine as a machine of the campus does, by port 25."""
        door = self.lab.inventory.machines("submission")[0]
        return self.lab.smtp(self.lab.origin(self.lab.stores[0].name), door.address, helo=self.lab.stores[0].fqdn)

    def send(
        self, samples: Iterable[Sample], to: Person | Sequence[Person], sender: str = SENDER, *, door: Callable[[], Smtp] | None = None
    ) -> Ledger:
        """Hand letters to the exchanger over a few connections, each to all of the people. Returns who was accepted and who was not.

        door: how to connect elsewhere.
        """
        ledger = Ledger()
        people = [to] if isinstance(to, Person) else list(to)
        letters = [(post.new_token(), sample) for sample in samples]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            shares = [letters[place::CONNECTIONS] for place in range(CONNECTIONS)]
            answers = pool.map(lambda share: list(self._hand_over(share, [person.mail for person in people], sender, door)), shares)
            for token, sample, answer in (one for share in answers for one in share):
                if answer:
                    ledger.refused[sample.name] = answer
                else:
                    ledger.sent[token] = sample
        return ledger

    def _hand_over(
        self, share: Sequence[tuple[str, Sample]], to: Sequence[str], sender: str, door: Callable[[], Smtp] | None
    ) -> Iterator[tuple[str, Sample, str]]:
        if not share:
            return
        with (door or self.lab.smtp)() as client:
            client.ehlo()
            client.patience(120)
            for token, sample in share:
                yield (
                    token,
                    sample,
                    one_letter(client, sample.addressed(token, sender or "mailer-daemon@elsewhere.test", to[0]), to, sender),
                )

    def items(self, recipient: str = "", *options: str) -> list[dict[str, Any]]:
        """Return everything that the quarantine has for a recipient, in every state, as the reviewers' command says."""
        asked = f"quarantine list --json --state all --limit 1000 --recipient '{recipient}' {' '.join(options)}"
        found: list[dict[str, Any]] = json.loads(self.lab.run(self.machine, asked))["items"]
        return found

    def look(self, ledger: Ledger, person: Person) -> None:
        """Find out where letters to a person are now."""
        kept = {token: item for item in self.items(person.mail) for token in TOKEN.findall(f"{item['message_id']} {item['subject']}")}
        ledger.kept = {
            token: item for token, item in kept.items() if token in ledger.sent and item["state"] not in {"delivered", "released"}
        }
        ledger.arrived = Counter(token for token in self.tokens(person) if token in ledger.sent)

    def command(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Run the reviewers' command; return its exit code and its answer."""
        line = f"quarantine {shlex.join([words[0], '--json', *words[1:]])}; code=$?; echo; echo $code"
        *answer, code = self.lab.run(self.machine, line, timeout=120).strip().splitlines()
        return int(code), json.loads("".join(answer))

    def kept(self, sample: Sample, *people: Person) -> tuple[str, str]:
        """Have a letter kept for some people; return its token and its name in the quarantine."""
        ledger = self.settle(self.send([sample], people), people[0])
        ((token, item),) = ledger.kept.items()
        return token, item["id"]

    def tokens(self, person: Person) -> list[str]:
        """Return the token of every letter in a person's mailbox."""
        with self.lab.imap(person) as client:
            client.select("INBOX", readonly=True)
            _, parts = client.fetch("1:*", f"(BODY.PEEK[HEADER.FIELDS ({MARK})])") if client.search(None, "ALL")[1][0] else ("", [])
            return [token for part in parts if isinstance(part, tuple) for token in TOKEN.findall(part[1].decode("latin-1"))]

    def settle(self, ledger: Ledger, person: Person, seconds: float = 0) -> Ledger:
        """Wait until every letter to a person is in the mailbox or in the quarantine; what is nowhere in the end is missing()."""
        end = time.monotonic() + (seconds or 60 + len(ledger.sent) / PACE)
        # Looking costs processor time that the filter wants: not before it can be done.
        time.sleep(min(len(ledger.sent) / FASTEST, seconds or 60))
        self.look(ledger, person)
        while (missing := ledger.missing()) and time.monotonic() < end:
            time.sleep(min(2.0, 0.3 * len(missing)))
            self.look(ledger, person)
        return ledger

    def sql(self, statement: str) -> str:
        """Run statements on the quarantine's database as its machine's root; columns are parted by tabs."""
        return self.lab.run(self.database, "mariadb -N -B quarantine", statement)

    @contextmanager
    def policy(self, person: Person, settings: Mapping[str, str | float], senders: Mapping[str, str] | None = None) -> Iterator[None]:
        """Give a person settings of their own for a while: columns of amavis' policy, and senders with W or B of its wblist."""
        name = f"test {person.uid}"[:32]
        columns = "".join(f", {column}" for column in settings)
        values = "".join(f", {value!r}" for value in settings.values())
        words = f"INSERT INTO policy (policy_name{columns}) VALUES ('{name}'{values}); SET @policy = LAST_INSERT_ID();"
        words += f"INSERT INTO users (priority, policy_id, email, fullname) VALUES (9, @policy, '{person.mail}', '{name}');"
        words += "SET @person = LAST_INSERT_ID();"
        for address, mark in (senders or {}).items():
            words += f"INSERT INTO mailaddr (priority, email) VALUES (9, '{address}') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id);"
            words += f"INSERT INTO wblist (rid, sid, wb) VALUES (@person, LAST_INSERT_ID(), '{mark}');"
        self.sql(words)
        try:
            yield
        finally:
            mine = f"(SELECT id FROM users WHERE email = '{person.mail}')"
            self.sql(f"DELETE FROM wblist WHERE rid IN {mine}; DELETE FROM users WHERE email = '{person.mail}';")
            self.sql(f"DELETE FROM policy WHERE policy_name = '{name}';")


def one_letter(client: Smtp, letter: bytes, to: Sequence[str], sender: str) -> str:
    """Send one letter over a connection; return what the server said when it did not take it for everybody."""
    steps: list[Callable[[], tuple[int, bytes]]] = [partial(client.mail, sender)]
    steps += [partial(client.rcpt, address) for address in to]
    steps += [partial(client.data, letter)]
    for step in steps:
        code, text = step()
        if code // 100 != 2:
            client.rset()
            return f"{code} {text.decode(errors='replace')}"
    return ""


def raw_letter(lab: Lab, person: Person, token: str) -> bytes:
    """Return the bytes of a letter in a person's mailbox."""
    with lab.imap(person) as client:
        assert post.find(client, token)
        _, found = client.search(None, "HEADER", MARK, token)
        _, parts = client.fetch(found[0].split()[0].decode(), "(BODY.PEEK[])")
        return next(bytes(part[1]) for part in parts if isinstance(part, tuple))


@pytest.fixture(scope="session")
def content_filter(lab: Lab) -> Filter:
    """The lab's content filter."""
    return Filter(lab)


@pytest.fixture(scope="session")
def readers(lab: Lab) -> Iterator[dict[str, Person]]:
    """People whose letters are looked at; a test gives some of them settings of their own."""
    everybody = People(lab.inventory.domain, [store.fqdn for store in lab.stores])
    names = ("wary", "bold", "lenient", "tolerant", "choosy", "healthy", "worn")
    some = {name: everybody.add(name, mailHost=lab.stores[number % 2].fqdn) for number, name in enumerate(names)}
    lab.enrol(some)
    yield some
    lab.dismiss(some)
