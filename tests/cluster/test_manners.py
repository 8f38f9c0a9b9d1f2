"""Who talks before the greeting, lies about its name or is unwelcome is refused; decent strangers only wait a little."""

from __future__ import annotations

import contextlib
import smtplib
import time

import pytest

from frontdoor import post
from tests.laboratory import Lab
from tests.people import People


def test_a_decent_stranger_waits_and_is_served(lab: Lab, people: People) -> None:
    origin = lab.unknown()
    started = time.monotonic()
    token, outcome = lab.send(people["alma"].mail, origin=origin)
    first = time.monotonic() - started
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)
    started = time.monotonic()
    token, outcome = lab.send(people["alma"].mail, origin=origin)
    second = time.monotonic() - started
    assert outcome.sent, outcome
    assert first > 2, "a stranger's greeting comes late, so that robots show their haste"
    assert second < first / 2, "who passed once is known"


def test_an_early_talker_is_refused(lab: Lab, people: People) -> None:
    connection = lab.unknown().connect(lab.exchanger.public_address, 25)
    connection.sendall(b"EHLO hasty.elsewhere.test\r\n")
    stream = connection.makefile("rwb")
    answer = stream.readline()
    replies = [answer]
    for line in (f"MAIL FROM:<writer@elsewhere.test>\r\nRCPT TO:<{people['alma'].mail}>\r\nDATA\r\n").splitlines(keepends=True):
        try:
            stream.write(line.encode())
            stream.flush()
            while (answer := stream.readline())[3:4] == b"-":
                pass
        except OSError:
            break
        replies.append(answer)
    connection.close()
    assert any(reply.startswith((b"521", b"550", b"554")) for reply in replies), replies
    assert not any(reply.startswith(b"354") for reply in replies), replies


def test_an_early_talker_did_not_become_known(lab: Lab, people: People) -> None:
    origin = lab.unknown()
    connection = origin.connect(lab.exchanger.public_address, 25)
    connection.sendall(b"HELO hasty\r\nMAIL FROM:<>\r\n")
    stream = connection.makefile("rb")
    while stream.readline():
        pass
    connection.close()
    started = time.monotonic()
    _, outcome = lab.send(people["alma"].mail, origin=origin)
    assert outcome.sent, outcome
    assert time.monotonic() - started > 2, "the next visit is tested anew"


# Names that no honest client gives: ours and our address, and everybody's own.
BAD_NAMES = ["{domain}", "{exchanger}", "[{address}]", "localhost", "localhost.localdomain"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_helos_are_refused(lab: Lab, people: People, name: str) -> None:
    helo = name.format(domain=lab.inventory.domain, exchanger=lab.exchanger.fqdn, address=lab.exchanger.public_address)
    _, outcome = lab.send(people["alma"].mail, helo=helo)
    assert outcome.code // 100 == 5, (helo, outcome)
    assert outcome.stage in ("helo", "mail", "rcpt"), (helo, outcome)


def test_unwelcome_senders_are_refused_before_the_letter(lab: Lab, people: People) -> None:
    assert {"^spammer@", "@bulk\\.example$"} <= set(lab.inventory.everywhere("mx_outside_badmailfrom"))
    for sender in ("spammer@elsewhere.test", "SPAMMER@other.elsewhere.test", "anybody@bulk.example"):
        _, outcome = lab.send(people["alma"].mail, sender)
        assert (outcome.stage, outcome.code) == ("rcpt", 553), outcome
        assert "your envelope sender has been denied" in outcome.text


def test_a_network_that_the_rules_deny_is_refused(lab: Lab, people: People) -> None:
    """The lab's tcprules say 198.51.100.66:deny."""
    _, outcome = lab.send(people["alma"].mail, origin=lab.stranger(66))
    assert not outcome.sent, outcome
    assert outcome.code // 100 == 5, outcome


def test_who_guesses_addresses_is_sent_away(lab: Lab, people: People) -> None:
    """VALIDRCPTTO_LIMIT of the lab's tcprules is 10."""
    codes: list[int] = []
    with contextlib.suppress(smtplib.SMTPException, OSError), lab.smtp(lab.unknown()) as client:
        client.ehlo()
        client.mail("writer@elsewhere.test")
        codes.extend(client.rcpt(people.address(f"guess{number}"))[0] for number in range(25))
    assert 421 in codes, codes
    assert 9 <= codes.index(421) <= 12, codes


def test_the_null_sender_is_welcome(lab: Lab, people: People) -> None:
    token, outcome = lab.send(people["bela"].mail, "")
    assert outcome.sent, outcome
    lab.receive(people["bela"], token)


def test_a_letter_that_is_too_large_for_everybody_is_refused(lab: Lab) -> None:
    with lab.smtp() as client:
        client.ehlo()
        limit = int(client.esmtp_features["size"])
        assert limit > 0
        code, _ = client.docmd(f"MAIL FROM:<writer@elsewhere.test> SIZE={limit + 1}")
        assert code == 552


def test_starttls_is_offered_and_the_certificate_is_the_exchangers(lab: Lab, people: People) -> None:
    token = post.new_token()
    outcomes = post.hand_over(
        lab.smtp,
        "writer@elsewhere.test",
        [people["bela"].mail],
        post.letter(token, "writer@elsewhere.test", people["bela"].mail),
        lab.exchanger.fqdn,
    )
    assert outcomes[people["bela"].mail].sent, outcomes
    lab.receive(people["bela"], token)
