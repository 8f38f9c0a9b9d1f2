"""The cluster takes mail for its own people and carries nobody else's: what test_relay_matrix.py does not ask."""

from __future__ import annotations

from tests.laboratory import Lab
from tests.people import People


def test_the_hand_over_port_carries_nothing(lab: Lab, people: People) -> None:
    here, there = lab.stores[:2]
    with lab.origin(there.name).smtp(here.address, 2525, helo=there.fqdn) as client:
        client.secure(here.fqdn)
        client.mail("writer@elsewhere.test")
        for recipient in ("victim@elsewhere.test", f"victim%elsewhere.test@{lab.inventory.domain}", people.address("nobody")):
            code, text = client.rcpt(recipient)
            assert code >= 400, (recipient, text)


def test_headers_do_not_name_recipients(lab: Lab, people: People) -> None:
    """Who is in To and Bcc and not in the envelope gets nothing."""
    bystander = people["bela"]
    token, outcome = lab.send(people["alma"].mail, headers=[("To", bystander.mail), ("Bcc", "victim@elsewhere.test")])
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)
    assert lab.count(bystander, token) == 0


def test_xclient_and_xforward_are_not_offered_to_strangers(lab: Lab) -> None:
    with lab.smtp() as client:
        _, features = client.ehlo()
        assert b"XCLIENT" not in features
        assert b"XFORWARD" not in features
        for command in (
            "XCLIENT ADDR=127.0.0.1",
            "XFORWARD ADDR=127.0.0.1",
            "ETRN elsewhere.test",
            f"VRFY {lab.inventory.domain}",
            "EXPN staff",
        ):
            code, text = client.docmd(command)
            assert code // 100 == 5 or code in (252, 458, 459), (command, code, text)
