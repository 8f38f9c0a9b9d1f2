"""One letter stays one letter, whatever it says about its end, at every port of the cluster that takes letters.

Each attempt carries two tokens: one in the letter, one in a second letter with its own envelope that stands in the first one's text. The
second may become a letter nowhere, and a server may answer no more often than it was spoken to.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from frontdoor import post
from tests.attacks import Conversation, Hop, Step, carrier, codes, hold, hops
from tests.filtering import TOKEN, Filter
from tests.laboratory import Lab
from tests.people import People, Person
from tests.smuggling import Attempt, chunks, ends, mixes, nonsense
from tests.talker import REPLY


@dataclass
class Letter:
    """One attempt at one port, its two tokens, and what came of it. answers: to what followed MAIL and RCPT."""

    hop: Hop
    attempt: Attempt
    first: str
    second: str
    opening: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    text: str = ""

    @property
    def taken(self) -> bool:
        """The server took responsibility for the first letter."""
        decides = self.attempt.decides or self.attempt.answers
        return self.answers[decides - 1 : decides] == [250]

    def fault(self) -> str:
        """Say what is wrong with the answers; nothing when they are as they should be."""
        wrong = self.answers[self.attempt.answers :] not in ([], [221]) or 354 in self.answers or "[silence]" in self.text
        return f"{self.attempt.name}: {self.opening} {self.text!r}" if wrong else ""


class Campaign:
    """Every attempt at every port."""

    def __init__(self, lab: Lab, people: People) -> None:
        """people: alma hands letters in and gets the first ones, silent would get the second."""
        self.lab = lab
        self.carried, self.victim = people["alma"], people["silent"]
        # The same two in the world, of this run.
        self.outside, self.victim_outside = (f"{name}-{people.run}@elsewhere.test" for name in ("carried", "smuggled"))
        self.hops = hops(lab, (self.carried.uid, self.carried.password), self.carried.mail)
        machines: dict[str, list[Hop]] = defaultdict(list)
        for hop in self.hops:
            machines[hop.machine].append(hop)
        with ThreadPoolExecutor(3) as pool:
            self.letters = [letter for letters in pool.map(self._attack, machines.values()) for letter in letters]

    def _attack(self, hops_of_one_machine: list[Hop]) -> list[Letter]:
        letters: list[Letter] = []
        conversations: list[Conversation] = []
        for letter, conversation in (pair for hop in hops_of_one_machine for pair in self._plan(hop)):
            letters.append(letter)
            conversations.append(conversation)
        for letter, said, answers in zip(
            letters, conversations, hold(self.lab, hops_of_one_machine[0].machine, conversations), strict=True
        ):
            complete = len(answers) == len(said.steps)
            letter.text = answers.pop() if complete else ""
            letter.answers = codes(letter.text)
            letter.opening = [code for answer in answers for code in codes(answer)]
        return letters

    def _plan(self, hop: Hop) -> Iterator[tuple[Letter, Conversation]]:
        # Postfix alone reaches a private socket, and sends no chunks: it is spared what ends Dovecot 2.4.1 (an assertion).
        for make in (ends, mixes, chunks) if hop.private else (ends, mixes, chunks, nonsense):
            first, second = post.new_token(), post.new_token()
            for attempt in make(self._first(first, hop), self._second(second, hop)):
                # Each attempt has its own tokens, though all of a kind were written with one pair.
                mine = Letter(hop, attempt, post.new_token(), post.new_token())
                text = attempt.text.replace(first, mine.first).replace(second, mine.second)
                begin: list[Step] = [
                    (f"MAIL FROM:<{hop.sender}> {attempt.body}".rstrip() + "\r\n", REPLY, "^250"),
                    (f"RCPT TO:<{self.outside if hop.only else self.carried.mail}>\r\n", REPLY, "^250"),
                ]
                if attempt.data:
                    begin.append(("DATA\r\n", REPLY, "^354"))
                yield mine, hop.say(*begin, (f"{text}QUIT\r\n", ""), offers="" if attempt.data else "CHUNKING")

    def _first(self, token: str, hop: Hop) -> str:
        return carrier(token, hop.sender, self.carried.mail)

    def _second(self, token: str, hop: Hop) -> str:
        forged = f"ceo@{self.lab.inventory.domain}"
        recipients = [self.victim.mail, self.victim_outside] if hop.outwards else [self.victim.mail]
        commands = "".join(f"RCPT TO:<{address}>\r\n" for address in recipients)
        letter = post.letter(token, forged, self.victim.mail).decode("latin-1")
        return f"MAIL FROM:<{hop.sender}>\r\n{commands}DATA\r\n{letter}"


@pytest.fixture(scope="module")
def campaign(lab: Lab, people: People) -> Campaign:
    """Attack once; each test looks at one side of what came of it."""
    return Campaign(lab, people)


def test_every_port_was_attacked(campaign: Campaign) -> None:
    """An attack that never came as far as the text of a letter shows nothing."""
    begun = [letter for letter in campaign.letters if letter.attempt.data and not letter.attempt.body]
    idle = {letter.hop.name: letter.opening for letter in begun if 354 not in letter.opening}
    assert not idle


def test_no_port_answers_more_often_than_it_was_asked(campaign: Campaign) -> None:
    faults = [f"{letter.hop.name}: {fault}" for letter in campaign.letters if (fault := letter.fault())]
    assert not faults, "\n".join(faults)


def test_no_port_that_takes_letters_is_left_out(lab: Lab, campaign: Campaign) -> None:
    """What the servers of a machine listen on, against what was attacked there."""
    for machine in [*lab.inventory.machines("exchanger")[:1], *lab.inventory.machines("submission")[:1], lab.stores[0]]:
        said = lab.run(machine.name, "ss -ltnpH").splitlines()
        listening = {line.split()[3].rpartition(":")[2] for line in said if re.search(r'"(master|smtpd|postscreen|/usr/sbin/amavi)', line)}
        here = {machine.address, machine.public_address}
        places = [(hop, *hop.to.rpartition(":")[::2]) for hop in campaign.hops]
        attacked = {port for hop, host, port in places if host in here or (host == "127.0.0.1" and hop.machine == machine.name)}
        assert listening == attacked, machine.name


def test_no_second_letter_is_anywhere(lab: Lab, campaign: Campaign, content_filter: Filter) -> None:
    """Asked when each first letter that was taken has arrived, or lies in the quarantine, once."""
    taken = {letter.first: letter for letter in campaign.letters if letter.taken and not letter.hop.only}
    gone = sum(letter.taken and letter.hop.only for letter in campaign.letters)
    forged = {letter.second: f"{letter.hop.name}: {letter.attempt.name}" for letter in campaign.letters}

    def found(person: Person) -> list[str]:
        kept = "".join(f"{item['message_id']} {item['subject']}\n" for item in content_filter.items(person.mail))
        return content_filter.tokens(person) + sorted(set(TOKEN.findall(kept)))

    def all_there() -> Counter[str]:
        arrived = Counter(found(campaign.carried))
        return arrived if taken.keys() <= arrived.keys() else Counter()

    def outside(address: str) -> int:
        return int(lab.run(lab.outside.name, f"grep -rlx 'X-Original-To: {address}' /var/mail | wc -l"))

    arrived = post.wait_for(all_there, 120) or Counter(found(campaign.carried))
    missing = [f"{letter.hop.name}: {letter.attempt.name}" for token, letter in taken.items() if token not in arrived]
    assert not missing
    assert [forged[token] for token in [*arrived, *found(campaign.victim)] if token in forged] == []
    assert [taken[token].attempt.name for token, number in arrived.items() if token in taken and number > 1] == []
    assert post.wait_for(lambda: outside(campaign.outside) >= gone, 60)
    assert (outside(campaign.outside), outside(campaign.victim_outside)) == (gone, 0)
