"""Who may hand what in where: each place to start from, each port, each address family, and every disguise of an address that is known.

What is refused is judged twice, by the answer and by the internet machine, which has to know nothing of it. Every form at every port
that answers, from two senders where the sender is looked at: some 2,000 letters, none of which may get out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import pytest

from frontdoor import post
from frontdoor.landscape import Machine
from tests.attacks import Hop, offer
from tests.handing_in import WORLD
from tests.laboratory import Lab
from tests.people import People
from tests.relaying import FORMS, SENDERS, disguised

Letter = tuple[str, str, str]


@dataclass(frozen=True)
class Cell:
    """A place of the matrix: from where, and how, to which port of whom. out: whether it carries mail to the world. own: to our people."""

    name: str
    start: str
    hop: Hop
    out: bool = False
    own: bool = True
    sender: str = SENDERS[0]


class Matrix:
    """Every cell, and what became of the letters offered there."""

    def __init__(self, lab: Lab, people: People) -> None:
        """Know the machines, the person who logs in and the one who is written to."""
        self.lab = lab
        self.writer, self.reader = people["alma"], people["bela"]
        self.run = post.new_token()[:9]
        groups = {"campus": "dns"}
        self.machines = {
            noun: lab.inventory.machines(groups.get(noun, noun))[0] for noun in ("campus", "mailstore", "exchanger", "submission")
        }
        self.starts = {noun: machine.name for noun, machine in self.machines.items()} | {"internet": lab.outside.name}
        self.families = [4, 6] if self.machines["exchanger"].public_address6 and lab.outside.address6 else [4]

    def token(self, kind: str, cell: Cell) -> str:
        """Return a word for letters of this cell, short enough for a local part."""
        return f"{kind}-{self.run}-{self.cells.index(cell):02}"

    def place(self, machine: Machine, start: str, family: int) -> str:
        """Under which address a machine is reached from somewhere."""
        if start == "internet":
            return machine.public_address if family == 4 else f"[{machine.public_address6}]"
        return machine.address if family == 4 else f"[{machine.address6}]"

    @cached_property
    def cells(self) -> list[Cell]:
        """The matrix. A hop without a login or certificate carries nothing, wherever it starts."""
        exchanger, submission, store = (self.machines[noun] for noun in ("exchanger", "submission", "mailstore"))
        other = self.lab.stores[1].name
        login = (self.writer.uid, self.writer.password)
        found = []
        for family in self.families:

            def hop(machine: Machine, port: int, how: str = "clear", start: str = "campus", family: int = family) -> Hop:
                return Hop("", machine.name, f"{self.place(machine, start, family)}:{port}", how)

            cells = [
                Cell("internet at 25", "internet", hop(exchanger, 25, start="internet")),
                Cell("campus at the exchanger", "campus", hop(exchanger, 25)),
                Cell("mailstore at the exchanger", "mailstore", hop(exchanger, 25)),
                Cell("the exchanger itself", "exchanger", hop(exchanger, 25)),
                Cell("mailstore without a certificate", "mailstore", hop(exchanger, 2526, "starttls"), own=False),
                Cell(
                    "mailstore on its way out",
                    "mailstore",
                    replace(hop(exchanger, 2526, "starttls"), certificate=True),
                    out=True,
                    own=False,
                ),
                Cell("campus at 25", "campus", hop(submission, 25), out=True),
                Cell("exchanger at 25 of the campus", "exchanger", hop(submission, 25), out=True),
                # Its public address is no address of the campus, so what the firewall never lets through is sent away once more.
                Cell("no campus at 25", "submission", hop(submission, 25, start="internet"), own=False),
                Cell("exchanger at a mailstore", "exchanger", hop(store, 25)),
                Cell("submission at a mailstore", "submission", hop(store, 25)),
                Cell("mailstore at a mailstore", other, hop(store, 25)),
                Cell(
                    "mailstore at 2525",
                    other,
                    replace(hop(store, 2525, "starttls"), hello=f"EHLO {other}.{self.lab.inventory.domain}"),
                    own=False,
                ),
            ]
            for port, how in ((465, "tls"), (587, "starttls")):
                for start in ("internet", "campus"):
                    cells.append(Cell(f"{start} at {port}", start, hop(submission, port, how, start), own=False))
                    known = replace(hop(submission, port, how, start), login=login)
                    cells.append(Cell(f"person from {start} at {port}", start, known, out=True, sender=self.writer.mail))
            found += [replace(cell, name=f"{cell.name} by {family}") for cell in cells]
        return found

    @cached_property
    def said(self) -> dict[str, list[tuple[str, str, str]]]:
        """Cell to sender, recipient and answer of every letter that should go nowhere."""
        return self._offer(self._denied)

    @cached_property
    def passed(self) -> dict[str, list[tuple[str, str, str]]]:
        """The same of letters that have to arrive."""
        return self._offer(self._welcome)

    def _offer(self, letters: Callable[[Cell], Sequence[Letter]]) -> dict[str, list[tuple[str, str, str]]]:
        def from_one(start: str) -> dict[str, list[tuple[str, str, str]]]:
            rows = [(cell, some) for cell in self.cells if cell.start == start and (some := letters(cell))]
            answers = offer(self.lab, self.starts.get(start, start), [(cell.hop, some) for cell, some in rows])
            return {cell.name: answer for (cell, _), answer in zip(rows, answers, strict=True)}

        with ThreadPoolExecutor(3) as pool:
            found = pool.map(from_one, dict.fromkeys(cell.start for cell in self.cells))
            return {name: answer for part in found for name, answer in part.items()}

    def words(self, cell: Cell) -> dict[str, str]:
        """What the forms are filled with."""
        values = self.lab.inventory.values
        host = f"{cell.hop.machine}.{self.lab.inventory.domain}"
        return {
            "mine": self.reader.mail,
            "domain": self.lab.inventory.domain,
            "host": host,
            "collapsed": values["cluster_collapsed_domains"][0],
        }

    def _denied(self, cell: Cell) -> Sequence[Letter]:
        token, words = self.token("deny", cell), self.words(cell)
        if not cell.out:
            # Where nobody is asked who writes before who may, one sender is enough.
            senders = SENDERS if cell.own else SENDERS[:1]
            return [(*pair, _text(token)) for pair in disguised(words, token, senders)]
        # Who may write to the world may write to all of it; what is ours is still not a way to somewhere else.
        forms = disguised(words, token, [cell.sender if cell.hop.login else ""])
        domains = ("domain", "collapsed") if cell.own else ()
        return [
            (*pair, _text(token)) for pair in forms if token in pair[1] and pair[1].endswith(tuple("@" + words[name] for name in domains))
        ]

    def _welcome(self, cell: Cell) -> Sequence[Letter]:
        token, domain = self.token("pass", cell), self.lab.inventory.domain
        letters = []
        if cell.out:
            letters.append((cell.sender, f"{token}@elsewhere.test", _text(f"{token}-out")))
        if cell.own:
            letters.append((cell.sender, self.reader.mail, _text(f"{token}-own")))
            letters += [(cell.sender, name, "") for name in (f"postmaster@{domain}", f"Postmaster@{domain.upper()}")]
            if not cell.hop.login:
                letters.append(("", self.reader.mail, ""))
        return letters


def _text(token: str) -> str:
    """A letter, as it is written on the wire."""
    return post.letter(token, "writer@elsewhere.test", "somebody@elsewhere.test").decode().rstrip("\r\n")


@pytest.fixture(scope="module")
def matrix(lab: Lab, people: People) -> Matrix:
    """The matrix; each half is offered once, when a test asks for it."""
    return Matrix(lab, people)


def test_nothing_is_carried_for_those_who_may_not_ask(matrix: Matrix) -> None:
    taken = []
    for cell in (cell for cell in matrix.cells if not cell.out):
        # Between machines of ours a refusal is put off: the directory of one may lag behind, or its certificate be renewed.
        wanted = ("4", "5") if cell.hop.to.endswith((":2525", ":2526")) else ("5",)
        # postscreen hangs up on a network that a rule denies.
        wanted = (*wanted, "[closed]", "[ConnectionResetError]") if cell.name.startswith("no campus") else wanted
        said = matrix.said[cell.name]
        assert len(said) >= len(FORMS) >= 50, cell.name
        taken += [(cell.name, *one) for one in said if not one[2].startswith(wanted)]
    assert not taken


def test_what_must_pass_passes_and_arrives_once(lab: Lab, matrix: Matrix) -> None:
    refused = [(name, *one) for name, said in matrix.passed.items() for one in said if not one[2].startswith("250 ")]
    assert not refused
    wanted = {f"{matrix.token('pass', cell)}-out" for cell in matrix.cells if cell.out}
    find = f"grep -rhoE 'pass-{matrix.run}-[0-9]+-out' {WORLD} | sort | uniq -c || true"

    def arrived() -> set[str]:
        return {line.split()[1] for line in lab.run(lab.outside.name, find).splitlines()}

    assert post.wait_for(lambda: arrived() >= wanted, 60), wanted - arrived()
    for cell in matrix.cells:
        if cell.own:
            lab.receive(matrix.reader, f"{matrix.token('pass', cell)}-own")


def test_the_world_knows_nothing_of_what_was_refused(lab: Lab, matrix: Matrix) -> None:
    token = f"deny-{matrix.run}"
    assert sum(len(said) for said in matrix.said.values()) >= 800 * len(matrix.families)
    ours = [lab.exchanger.name, matrix.machines["submission"].name, *(store.name for store in lab.stores)]
    queues = f"for one in /etc/postfix*/main.cf; do postqueue -c ${{one%/main.cf}} -j; done 2>/dev/null | grep -c {token} || true"
    assert post.wait_for(lambda: not any(int(lab.run(name, queues)) for name in ours), 60), "a refused letter waits in a queue"
    seen = lab.run(
        lab.outside.name, f"grep -rl {token} /var/mail/elsewhere || true; journalctl -q -o cat --since -10min -g {token} || true"
    )
    assert not seen
