"""Every fate is provoked at the door, and counted by `fates` from the machines' journals: once, and with sums that agree."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from frontdoor import fates as telling
from frontdoor import paths, post
from tests.corpus import eicar, hostile, unwanted
from tests.filtering import Filter, content_filter, readers
from tests.handing_in import Door, campus_address, door
from tests.laboratory import DELIVERY, Lab
from tests.people import People, Person
from tests.rationing import Counter, counter, senders

__all__ = ["content_filter", "counter", "door", "readers", "senders"]
#: On good.rbl.test (tests/cluster/test_blocklists.py); denied, and told to come back, by the lab's tcprules.
LISTED, DENIED, PUT_OFF = 241, 66, 67
BAD_NAME, BAD_SENDER = "localhost", "spammer@elsewhere.test"


def told(*words: str) -> dict[str, Any]:
    """Return what `./lab fates` says."""
    command = telling.command([*words, "--json"])
    done = subprocess.run(command, cwd=paths.CHECKOUT / "services/fates", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def counts(report: dict[str, Any], unit: str) -> dict[str, int]:
    found: dict[str, int] = report["units"].get(unit, {})
    return found


@pytest.fixture
def counting(lab: Lab) -> Callable[..., dict[str, Any]]:
    """Count from now on; each call waits until nothing is under way, but for connections that are to be open."""
    begin = lab.run(lab.exchanger.name, "date +%s.%N").strip()

    def settled(still_open: int = 0) -> dict[str, Any]:
        report: dict[str, Any] = {}

        def look() -> bool:
            report.clear()
            report.update(told("--since", f"@{begin}"))
            waits = sum(counts(report, unit).get("WAITING", 0) for unit in ("message", "letter", "own message"))
            return not waits and sum(counts(report, unit).get("UNFINISHED", 0) for unit in ("connection", "session")) == still_open

        post.wait_for(look, DELIVERY)
        return report

    return settled


def test_every_fate_is_told_once(
    lab: Lab, people: People, content_filter: Filter, readers: dict[str, Person], counting: Callable[[], dict[str, Any]]
) -> None:
    alma = people["alma"].mail
    refused = [
        lab.send(alma, origin=lab.stranger(DENIED)),
        lab.send(alma, origin=lab.stranger(LISTED)),
        lab.send(alma, origin=lab.stranger(PUT_OFF)),
        lab.send(people.address("nobody")),
        lab.send(alma, helo=BAD_NAME),
        lab.send(alma, BAD_SENDER),
        lab.send("somebody@elsewhere.test"),
    ]
    assert not any(outcome.sent for _, outcome in refused), refused
    talk_early(lab)
    lab.internet.connect(lab.exchanger.public_address, 25).close()
    with lab.smtp() as client:
        client.ehlo()
        assert client.docmd(f"MAIL FROM:<writer@elsewhere.test> SIZE={10**10}")[0] == 552
    with lab.smtp() as client:
        client.ehlo()
    # As many at once as one client may have, and one more.
    most = int(lab.run(lab.exchanger.name, "postconf -c /etc/postfix-outside -hx postscreen_client_connection_count_limit"))
    crowd(lab, most + 1)

    token, outcome = lab.send(alma)
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)
    _, outcome = lab.send(people["lost"].mail)
    assert outcome.sent, outcome
    person = readers["wary"]
    kept = [eicar.variants()[0], unwanted.spam()[0], unwanted.banned()[0], next(iter(unwanted.bad_headers())), hostile.too_many_files()]
    for sample in kept:  # one after the other: each has a connection of its own
        ledger = content_filter.settle(content_filter.send([sample], person), person)
        assert not ledger.missing()

    report = counting()
    assert counts(report, "connection") == {
        "MAIL TAKEN": 7,
        "SPAMMER BLOCKED": 2,
        "SPAMMER DISCONNECTED": 2 + most,
        "INVALID RECIPIENT": 1,
        "BAD HELO": 1,
        "SENDER REFUSED": 1,
        "RELAY REFUSED": 1,
        "MESSAGE REFUSED": 1,
        "TOO MANY": 1,
        "TRY LATER": 1,
        "NO MAIL OFFERED": 1,
    }
    assert counts(report, "message") == {"OK": 1, "BOUNCED": 1, "INFECTED": 1, "SPAM": 1, "BANNED": 1, "BADHEADER": 1, "UNCHECKED": 1}
    assert all(row["agrees"] for row in report["reconciliation"]), report["reconciliation"]
    assert not report["unattributed"]
    assert [row["begun_unseen"] for row in report["reconciliation"]] == [0, 0, 0]
    assert len(report["viruses"]) == len(report["banned"]) == len(report["lists"]) == 1
    assert "good.rbl.test" in report["lists"][0]["name"]


def talk_early(lab: Lab) -> None:
    connection = lab.unknown().connect(lab.exchanger.public_address, 25)
    connection.sendall(b"EHLO hasty.elsewhere.test\r\n")
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass
    connection.close()


def crowd(lab: Lab, number: int) -> None:
    """Open connections from one address that the exchanger has never seen, at the same time, and leave before the greeting."""
    origin = lab.unknown()
    lab.run(
        lab.outside.name,
        "python3 -",
        "import socket, time\n"
        "def come():\n"
        "    connection = socket.socket()\n"
        f"    connection.bind(({origin.source!r}, 0))\n"
        f"    connection.connect(({lab.exchanger.public_address!r}, 25))\n"
        "    return connection\n"
        f"crowd = [come() for _ in range({number})]\n"
        "time.sleep(1)\n",
    )


def test_what_waits_is_told_as_such_until_it_arrives_or_is_deleted(lab: Lab, people: People, counting: Callable[..., Any]) -> None:
    person = people["bela"]
    store = lab.store_of(person).name
    lab.run(store, "systemctl stop postfix.service")
    try:
        (token, outcome), (unwanted_token, other) = lab.send(person.mail), lab.send(person.mail)
        assert outcome.sent, outcome
        assert other.sent, other
        assert post.wait_for(lambda: counts(counting(), "message") == {"DEFERRED": 2}, DELIVERY)
        find = f"journalctl -q -o cat -t postfix-inside/cleanup --since -2min | grep -F {unwanted_token} | cut -d: -f1"
        lab.run(lab.exchanger.name, f"postsuper -c /etc/postfix-inside -d $({find})")
        with lab.smtp():  # somebody who says nothing, and stays
            report = counting(still_open=1)
            assert counts(report, "message") == {"DEFERRED": 1, "DELETED": 1}
            assert counts(report, "connection") == {"MAIL TAKEN": 2, "UNFINISHED": 1}
    finally:
        lab.run(store, "systemctl start postfix.service")
    lab.run(lab.exchanger.name, "postqueue -c /etc/postfix-inside -f")
    lab.receive(person, token, seconds=120)
    report = counting()
    assert counts(report, "message") == {"OK": 1, "DELETED": 1}
    assert counts(report, "connection") == {"MAIL TAKEN": 2, "NO MAIL OFFERED": 1}
    assert all(row["agrees"] for row in report["reconciliation"]), report["reconciliation"]


def test_what_our_people_hand_in_is_told_for_itself(
    lab: Lab, people: People, door: Door, counter: Counter, senders: dict[str, Person], counting: Callable[..., Any]
) -> None:
    alma, bela = people["alma"], people["bela"]
    with door.enter(alma) as client:
        token = post.new_token()
        assert client.sendmail(alma.mail, ["out@elsewhere.test"], post.letter(token, alma.mail, "out@elsewhere.test")) == {}
    door.world_got(token)
    assert door.prove(alma.uid, "guessed")[0] == 535
    with door.enter(alma) as client:
        assert door.writes(client, bela.mail).startswith("553")
    with campus_address(lab, 237) as printer:
        token, outcome = lab.send(bela.mail, f"printer@{lab.inventory.domain}", origin=printer, host=door.machine.address)
        assert outcome.sent, outcome
    lab.receive(bela, token)
    counter.hand_in(senders["locked"], [senders["reader"]])

    report = counting()
    assert counts(report, "session") == {"MAIL TAKEN": 3, "LOGIN REFUSED": 1, "SENDER REFUSED": 1}
    assert counts(report, "letter") == {"OK": 2, "HELD": 1}
    assert report["total"] == 0, report["fates"]
    assert sum(row["count"] for row in report["signed"]) >= 1
    assert counter.ask("held", "delete", "--person", senders["locked"].uid)[0] == 0
    report = counting()
    assert counts(report, "letter") == {"OK": 2, "DELETED": 1}
    assert all(row["agrees"] for row in report["reconciliation"]), report["reconciliation"]


def test_a_letter_is_followed_from_the_first_packet_to_the_mailbox(lab: Lab, people: People) -> None:
    person = people["alma"]
    token, outcome = lab.send(person.mail, origin=lab.unknown())
    assert outcome.sent, outcome
    lab.receive(person, token)
    followed: dict[str, Any] = {}

    def look() -> bool:
        followed.update(told("trace", token, "--since", "-5min"))
        return len(followed["messages"]) == 1 and followed["messages"][0]["fates"] == ["OK (message)"]

    assert post.wait_for(look, DELIVERY), followed
    (message,) = followed["messages"]
    assert message["machines"] == [lab.exchanger.name, lab.store_of(person).name]
    lines = "\n".join(f"{line['machine']} {line['program']} {line['text']}" for line in message["lines"])
    steps = ["CONNECT from", "PASS NEW", "postfix-fixup/smtpd", "amavis (", "postfix-inside/smtpd", "lmtp"]
    places = [lines.find(step) for step in steps]
    assert -1 not in places, lines
    # The filter says its word when the stage behind it has taken the letter.
    assert places[0] < places[1] < places[2] < places[4] < places[3], lines
    assert person.mail in message["to"]
