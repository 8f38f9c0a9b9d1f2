"""What we pass on bears a sender of ours, reports find back to the real one, and nobody else gets in by such an address."""

from __future__ import annotations

import re
from email.message import EmailMessage

import pytest

from tests import outgoing
from tests.laboratory import SENDER, Lab
from tests.people import People

STRANGER = r"SRS0=\S{8}=[A-Z2-7]{2}=elsewhere\.test=writer"


def return_path(message: EmailMessage) -> str:
    """The sender of a letter's envelope."""
    return str(message["Return-Path"]).strip("<> ")


def forwarded(lab: Lab, people: People) -> str:
    """The address that stands for writer@elsewhere.test today."""
    token, outcome = lab.send(people["outward"].mail)
    assert outcome.sent, outcome
    return return_path(outgoing.arrived(lab, token, "out@elsewhere.test"))


def secret(lab: Lab) -> str:
    """What exchangers sign with."""
    return lab.run(lab.exchanger.name, "head -1 /etc/postsrsd.secret").strip()


def test_a_letter_goes_and_its_report_comes_back(lab: Lab, people: People) -> None:
    sender = forwarded(lab, people)
    assert re.fullmatch(STRANGER + "@" + re.escape(lab.inventory.domain), sender), sender
    assert sender == outgoing.srs_address(secret(lab), SENDER, lab.inventory.domain), "not what the scheme says"
    token, outcome = lab.send(sender, "", headers=[("Subject", "Undelivered Mail Returned to Sender")])
    assert outcome.sent, outcome
    report = outgoing.arrived(lab, token)
    assert report["Delivered-To"] == SENDER
    assert return_path(report) == ""


def test_only_reports_come_back(lab: Lab) -> None:
    """Who has such an address has no way to somebody elsewhere by it: a report has no sender."""
    good = outgoing.srs_address(secret(lab), SENDER, lab.inventory.domain)
    _, refused = lab.send(good, "joe@elsewhere.test")
    assert (refused.stage, refused.code, refused.text[:5]) == ("rcpt", 550, "5.1.1"), refused


def test_senders_of_ours_stay(lab: Lab, people: People) -> None:
    token = outgoing.hand_in(lab, [people["outward"].mail])
    assert return_path(outgoing.arrived(lab, token, "out@elsewhere.test")) == f"printer@{lab.inventory.domain}"


def test_what_others_passed_on_keeps_its_way_back(lab: Lab, people: People) -> None:
    """SRS1: the report goes to whoever rewrote the sender first, and the address does not grow with each machine."""
    theirs = "SRS0=abcd=JL=far.test=joe@elsewhere.test"
    token, outcome = lab.send(people["outward"].mail, theirs)
    assert outcome.sent, outcome
    ours = return_path(outgoing.arrived(lab, token, "out@elsewhere.test"))
    assert re.fullmatch(rf"SRS1=\S{{8}}=elsewhere\.test==abcd=JL=far\.test=joe@{re.escape(lab.inventory.domain)}", ours), ours
    token, outcome = lab.send(ours, "")
    assert outcome.sent, outcome
    assert outgoing.arrived(lab, token)["Delivered-To"] == theirs


def test_a_report_that_we_write_ourselves_finds_its_way(lab: Lab, people: People) -> None:
    """The world refuses what we passed on: the letter is ours by then, and so is the report."""
    with (
        outgoing.names(lab, ["nobody.moving.test 0 MX 0 ."], {}),
        lab.changed(people["outward"], "mailForwardingAddress", "gone@nobody.moving.test"),
    ):
        token, outcome = lab.send(people["outward"].mail)
        assert outcome.sent, outcome
        report = outgoing.arrived(lab, token, SENDER)
    assert "gone@nobody.moving.test" in report.as_string()


@pytest.mark.parametrize("forgery", ["signature", "receiver", "domain", "time", "old", "short", "nothing", "again"])
def test_forged_and_old_addresses_are_unknown(lab: Lab, forgery: str) -> None:
    domain = lab.inventory.domain
    good = outgoing.srs_address(secret(lab), SENDER, domain)
    kind, mark, stamp, where, who = good.partition("@")[0].split("=")
    address = {
        "signature": f"{kind}={mark[::-1]}={stamp}={where}={who}",
        "receiver": f"{kind}={mark}={stamp}={where}=victim",
        "domain": f"{kind}={mark}={stamp}=victim.test={who}",
        "time": f"{kind}={mark}={stamp[0]}{'A' if stamp[1] != 'A' else 'B'}={where}={who}",
        "old": outgoing.srs_address(secret(lab), SENDER, domain, age=23 * outgoing.DAY).partition("@")[0],
        "short": f"{kind}={mark[:4]}={stamp}={where}={who}",
        "nothing": f"{kind}=={stamp}={where}={who}",
        "again": f"SRS1={mark}=victim.test=={mark}={stamp}={where}={who}",
    }[forgery]
    _, refused = lab.send(f"{address}@{domain}", "")
    _, unknown = lab.send(f"nobody.at.all@{domain}", "")
    assert (refused.stage, refused.code) == ("rcpt", 550), f"{address}: {refused}"
    assert refused.text.replace(address, "") == unknown.text.replace("nobody.at.all", "")
    assert refused.text.startswith("5.1.1")
    _, taken = lab.send(outgoing.srs_address(secret(lab), SENDER, domain, age=19 * outgoing.DAY), "")
    assert taken.sent, f"the one that is good and not too old: {taken}"
