"""A part of outgoing mail is away: mail waits, and leaves when it is back as if nothing had been; it never leaves worse than that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from frontdoor import post
from tests import outgoing
from tests.faults import faults
from tests.laboratory import SENDER, Lab
from tests.people import People


def flushed(lab: Lab, token: str) -> None:
    """Try what waits, until it has reached the world."""

    def there() -> bool:
        faults.flush(lab)
        return bool(outgoing.files(lab, token))

    assert post.wait_for(there, 60, pause=1), f"{token} did not leave"


def test_nothing_leaves_unsigned(lab: Lab, people: People) -> None:
    machine = outgoing.submission(lab).name
    with faults.stopped(lab, "opendkim.service", [machine]):
        token = outgoing.hand_in(lab, ["unsigned@elsewhere.test"])
        inside = outgoing.hand_in(lab, [people["bela"].mail])
        why = post.wait_for(lambda: outgoing.waiting(lab, machine, "unsigned@elsewhere.test", "fixup"), 30)
        assert "451 4.7.1" in why, why
        assert not outgoing.files(lab, token)
    flushed(lab, token)
    assert outgoing.verdicts(lab, outgoing.files(lab, token)) == [{"signed": True, "good": True}]
    lab.receive(people["bela"], inside)


def test_nobody_elses_name_leaves_with_what_is_passed_on(lab: Lab, people: People) -> None:
    machine = lab.exchanger.name
    secret = lab.run(machine, "head -1 /etc/postsrsd.secret").strip()
    good = outgoing.srs_address(secret, SENDER, lab.inventory.domain)
    with faults.stopped(lab, "postsrsd.service", [machine]):
        token, outcome = lab.send(people["outward"].mail)
        assert outcome.sent, outcome
        # Postfix asks a table by TCP ten times, a second apart, before it says "later" (dict_tcp.c): all of them wait for that at once.
        reports = [good, good.replace("writer", "victim")]
        with ThreadPoolExecutor() as pool:
            answers = pool.map(lambda address: lab.send(address, "")[1], reports)
            why = post.wait_for(lambda: outgoing.waiting(lab, machine, "out@elsewhere.test"), 30)
        assert "451 4.3.0" in why, why
        assert not outgoing.files(lab, token)
        for address, outcome in zip(reports, answers, strict=True):
            assert (outcome.stage, outcome.code) == ("rcpt", 451), f"nobody can say whether {address} is good: {outcome}"
        other, outcome = lab.send(people["bela"].mail)
        assert outcome.sent, outcome
        lab.receive(people["bela"], other)
    flushed(lab, token)
    assert str(outgoing.arrived(lab, token)["Return-Path"]).startswith("<SRS0=")
    assert lab.send(good, "")[1].sent


@pytest.mark.parametrize("unit", ["posthouse-tls-policy.socket posthouse-tls-policy.service", "postfix-mta-sts-resolver.service"])
def test_nobody_guesses_what_a_receiver_promised(lab: Lab, people: People, unit: str) -> None:
    machine = outgoing.submission(lab).name
    with faults.stopped(lab, unit, [machine]):
        token = outgoing.hand_in(lab, ["secret@elsewhere.test"])
        why = post.wait_for(lambda: outgoing.waiting(lab, machine, "secret@elsewhere.test"), 30)
        assert "TLS" in why, why
        assert not outgoing.files(lab, token)
        inside = outgoing.hand_in(lab, [people["bela"].mail])
        lab.receive(people["bela"], inside)
    flushed(lab, token)
