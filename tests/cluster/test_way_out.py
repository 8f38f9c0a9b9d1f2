"""Port 2526 of an exchanger carries mail to anybody: for mailstores, which have to prove that they are."""

from __future__ import annotations

import smtplib
from contextlib import suppress

from tests.laboratory import Lab


def test_the_address_of_a_mailstore_is_not_enough(lab: Lab) -> None:
    store = lab.stores[0]
    answers = []
    with suppress(smtplib.SMTPException, OSError), lab.origin(store.name).smtp(lab.exchanger.address, 2526) as client:
        client.secure(lab.exchanger.fqdn)
        answers = [client.mail("writer@elsewhere.test")[0], client.rcpt("out@elsewhere.test")[0]]
    assert 250 not in answers[1:], answers
    said = "journalctl -q -o cat --since -30s -g 'No client certificate presented' || true"
    assert store.name in lab.run(lab.exchanger.name, said), "the connection did not come as far as to be refused"
