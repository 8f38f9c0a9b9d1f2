"""The filter or what it needs dies among hundreds of letters: each is in a mailbox or in the quarantine, and none passed unseen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from frontdoor import post
from tests.corpus import eicar, unwanted
from tests.corpus.sample import Sample, part
from tests.faults import faults
from tests.filtering import FASTEST, Filter, Ledger
from tests.laboratory import Lab
from tests.people import Person

LETTERS = 500
#: Every so many letters one has the virus.
INFECTED = 25
#: Seconds until all of them are somewhere, on two processors: the filter looks at ten to seventeen a second.
DRAINED = 180.0
#: Letters that have to come through before the next thing is killed.
SOME = 20
#: A killed filter may have handed a letter on and not said so; the sender must then send it again (RFC 5321, 4.5.4.1).
IN_FLIGHT = 10


def letters(count: int) -> list[Sample]:
    """Return small letters, some of them infected."""
    virus = part("text/plain", eicar.EICAR + b"\r\n")
    texts = (part("text/plain", f"Letter {number}.\r\n".encode()) for number in range(count))
    return [
        Sample(f"{'virus' if number % INFECTED == 0 else 'letter'}-{number}", virus if number % INFECTED == 0 else text)
        for number, text in enumerate(texts)
    ]


def balance(ledger: Ledger, again: int = IN_FLIGHT) -> None:
    """Check that every letter that was accepted is where it belongs. again: how many may have come twice."""
    assert ledger.missing() == []
    classes = ledger.classes()
    wrong = {name: found for name, found in classes.items() if found != ("virus" if name.startswith("virus") else "arrived")}
    assert wrong == {}
    twice = sum(ledger.arrived.values()) - len(ledger.arrived)
    assert twice <= again, f"{twice} letters came more than once"


def drain(lab: Lab, content_filter: Filter, ledger: Ledger, person: Person, seconds: float = DRAINED) -> None:
    """Wait until every letter is somewhere, and try what waits at once instead of within a minute."""
    end = time.monotonic() + seconds
    assert post.wait_for(lambda: content_filter.command("stats")[0] == 0, 60), "the database did not come back"
    content_filter.look(ledger, person)
    while (missing := ledger.missing()) and time.monotonic() < end:
        # Looking costs processor time that the filter wants: the more is missing the longer it needs. But what came to a filter that was
        # not there waits until it is tried again, however soon that is back.
        look = time.monotonic() + 3 + len(missing) / FASTEST / 2
        while time.monotonic() < look:
            faults.flush(lab)
            time.sleep(2)
        content_filter.look(ledger, person)


def waiting(lab: Lab, instance: str, person: Person) -> int:
    """Count letters to a person in a queue of the exchanger."""
    listed = lab.run(lab.exchanger.name, f"postqueue -c /etc/postfix-{instance} -j")
    return sum(person.mail in [one["address"] for one in json.loads(line)["recipients"]] for line in listed.splitlines())


def test_with_the_database_away_mail_waits_before_the_filter(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    person, began = readers["healthy"], time.time()
    with faults.stopped(lab, "mariadb", [content_filter.database]):
        ledger = content_filter.send(letters(50), person)
        assert not ledger.refused
        assert post.wait_for(lambda: waiting(lab, "fixup", person) == len(ledger.sent), 30), waiting(lab, "fixup", person)
        time.sleep(5)  # what must not happen gets the time to happen
        assert waiting(lab, "fixup", person) == len(ledger.sent)
        assert not set(content_filter.tokens(person)) & set(ledger.sent), "a letter that nobody could look up went on"
    drain(lab, content_filter, ledger, person)
    balance(ledger)
    assert faults.refusals(lab, began) == ""


# What is killed, one after another, on a machine of which group.
VICTIMS = {"amavis": "content_filter", "clamav-daemon": "content_filter", "mariadb": "quarantine"}


def test_the_filter_and_what_it_needs_are_killed_in_the_middle(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """Killed outright and not started by us: each comes back by itself, which letters show that come through before the next is killed."""
    person, began, through = readers["worn"], time.time(), 0
    with faults.window():
        ledger = content_filter.send(letters(LETTERS), person)
        assert not ledger.refused
        for victim, group in VICTIMS.items():
            more = post.wait_for(partial(_more, content_filter, ledger, person, through), 90)
            assert more, f"nothing more than {through} letters came through before {victim} was to be killed"
            assert more < LETTERS * 0.9, f"{more} of {LETTERS} were through before {victim} was killed"
            lab.run(lab.inventory.machines(group)[0].name, f"systemctl kill --kill-whom=all --signal=KILL {victim}")
            through = more
        drain(lab, content_filter, ledger, person)
    balance(ledger, again=IN_FLIGHT * len(VICTIMS))
    assert faults.refusals(lab, began) == ""


def _more(content_filter: Filter, ledger: Ledger, person: Person, before: int) -> int:
    """Return how many letters are through, when that is some more than before; what waits is tried again."""
    if before:
        faults.flush(content_filter.lab)
    return found if (found := _through(content_filter, ledger, person)) >= before + SOME else 0


def _through(content_filter: Filter, ledger: Ledger, person: Person) -> int:
    content_filter.look(ledger, person)
    return len(ledger.arrived) + len(ledger.kept)


def test_the_database_is_killed_among_letters_to_two_people(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """One of them takes banned files, the other does not: what one gets and what is kept for the other are both there in the end."""
    bold, wary, began = readers["bold"], readers["wary"], time.time()
    sample = unwanted.banned()[0]
    with content_filter.policy(bold, {"banned_files_lover": "Y"}), faults.window():
        ledger = content_filter.send([sample] * 60, [bold, wary])
        assert not ledger.refused
        assert post.wait_for(partial(_more, content_filter, ledger, wary, 0), 60)
        lab.run(content_filter.database, "systemctl kill --kill-whom=all --signal=KILL mariadb")
        drain(lab, content_filter, ledger, bold)
        assert set(ledger.arrived) == set(ledger.sent), "everything reached the one who wants it"
        drain(lab, content_filter, ledger, wary)
        assert set(ledger.kept) == set(ledger.sent), "everything is kept for the one who does not"
        assert not ledger.arrived
    assert faults.refusals(lab, began) == ""


def test_with_the_scanner_away_nothing_passes_unseen(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    person, began = readers["healthy"], time.time()
    units = "clamav-daemon.socket clamav-daemon.service"
    with faults.stopped(lab, units, [content_filter.machine]):
        ledger = content_filter.send(letters(26), person)
        assert not ledger.refused
        assert post.wait_for(_all_wait(lab, ledger, person), 60)
        faults.flush(lab)
        time.sleep(5)  # what must not happen gets the time to happen
        assert not set(content_filter.tokens(person)) & set(ledger.sent), "a letter that no scanner has seen went on"
    drain(lab, content_filter, ledger, person)
    balance(ledger)
    assert faults.refusals(lab, began) == ""


def _all_wait(lab: Lab, ledger: Ledger, person: Person) -> Callable[[], bool]:
    return lambda: waiting(lab, "fixup", person) == len(ledger.sent)
