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
from tests.corpus import eicar, unwanted
from tests.filtering import Filter, content_filter, readers
from tests.laboratory import DELIVERY, Lab
from tests.people import People, Person

__all__ = ["content_filter", "readers"]
#: On good.rbl.test (tests/cluster/test_blocklists.py), and denied by the lab's tcprules.
LISTED, DENIED = 241, 66
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
def counting(lab: Lab) -> Callable[[], dict[str, Any]]:
    """Count from now on; each call waits until no message is under way."""
    begin = lab.run(lab.exchanger.name, "date +%s.%N").strip()

    def settled() -> dict[str, Any]:
        report: dict[str, Any] = {}

        def look() -> bool:
            report.clear()
            report.update(told("--since", f"@{begin}"))
            under_way = counts(report, "message").get("WAITING", 0) + counts(report, "connection").get("UNFINISHED", 0)
            return not under_way and counts(report, "own message").get("WAITING", 0) == 0

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
    kept = [eicar.variants()[0], unwanted.spam()[0], unwanted.banned()[0], next(iter(unwanted.bad_headers()))]
    for sample in kept:  # one after the other: each has a connection of its own
        ledger = content_filter.settle(content_filter.send([sample], person), person)
        assert not ledger.missing()

    report = counting()
    assert counts(report, "connection") == {
        "MAIL TAKEN": 6,
        "SPAMMER BLOCKED": 2,
        "SPAMMER DISCONNECTED": 2 + most,
        "INVALID RECIPIENT": 1,
        "BAD HELO": 1,
        "SENDER REFUSED": 1,
        "RELAY REFUSED": 1,
        "MESSAGE REFUSED": 1,
        "TOO MANY": 1,
        "NO MAIL OFFERED": 1,
    }
    assert counts(report, "message") == {"OK": 1, "BOUNCED": 1, "INFECTED": 1, "SPAM": 1, "BANNED": 1, "BADHEADER": 1}
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


def test_mail_that_waits_is_told_as_such_until_it_arrives(lab: Lab, people: People, counting: Callable[[], dict[str, Any]]) -> None:
    person = people["bela"]
    store = lab.store_of(person).name
    lab.run(store, "systemctl stop postfix.service")
    try:
        token, outcome = lab.send(person.mail)
        assert outcome.sent, outcome
        queue = "journalctl -q -o cat -t postfix-inside/mailstore/smtp --since -1min | grep 'status=deferred'"
        assert post.wait_for(lambda: lab.run(lab.exchanger.name, queue, check=False), DELIVERY)
        assert counts(counting(), "message") == {"DEFERRED": 1}
    finally:
        lab.run(store, "systemctl start postfix.service")
    lab.run(lab.exchanger.name, "postqueue -c /etc/postfix-inside -f")
    lab.receive(person, token, seconds=120)
    report = counting()
    assert counts(report, "message") == {"OK": 1}
    assert counts(report, "connection") == {"MAIL TAKEN": 1}


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
