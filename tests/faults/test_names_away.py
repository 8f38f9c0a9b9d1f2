"""A name of ours that the name server does not know is our fault: the mail waits, nobody hears of an unknown host."""

from __future__ import annotations

import time

from frontdoor import post
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People

AWAY = "[away.madstop.test]:2526, [gone.madstop.test]:2526"  # with one alone Postfix keeps the mail by itself


def test_mail_for_the_world_waits_on_a_mailstore_when_the_way_out_has_no_name(lab: Lab, people: People) -> None:
    store = lab.store_of(people["outward"]).name
    before = lab.run(store, "postconf -h relayhost").strip()
    began = time.time()
    with faults.window():
        lab.run(store, f"cp -p /etc/postfix/main.cf /etc/postfix/main.cf.kept; postconf 'relayhost={AWAY}'; systemctl reload postfix")
        try:
            token, outcome = lab.send(people["outward"].mail)
            assert outcome.sent, outcome
            waits = post.wait_for(lambda: "4.4.4" in journal(lab, store, began), 60)
            assert waits, journal(lab, store, began)
        finally:
            lab.run(store, "mv /etc/postfix/main.cf.kept /etc/postfix/main.cf; systemctl reload postfix")
    assert lab.run(store, "postconf -h relayhost").strip() == before
    assert faults.refusals(lab, began) == ""

    def arrived() -> bool:
        faults.flush(lab)
        return lab.run(lab.outside.name, f"grep -rl {token} /var/mail /var/spool/internet 2>/dev/null", check=False).strip() != ""

    assert post.wait_for(arrived, 60), "the letter did not leave after the name was there again"


def journal(lab: Lab, store: str, since: float) -> str:
    return lab.run(store, f"journalctl -q -o cat --since @{since:.6f} -g 'to=<out@elsewhere.test>.*(away|gone)' || true")
