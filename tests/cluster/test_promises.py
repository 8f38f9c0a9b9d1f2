"""TLS towards the world as receivers promise it: a promise that is not kept holds mail back, and who promised nothing gets mail anyway.

keys of DANE   policy of MTA-STS   the certificate   the letter
good           none                another name      delivered, verified
wrong          none                its name          waits
none           its name            its name          delivered, verified
none           its name            another name      waits
good           another name        another name      delivered, verified: DANE wins
wrong          its name            its name          waits: DANE wins
none           none                another name      delivered
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial

import pytest

from frontdoor import post
from tests import outgoing
from tests.laboratory import Lab

WORLD = "moving.test"
#        domain: its exchanger, the name in its policy, what rules, whether mail passes, and how the log calls the connection
PROMISES = {
    "keys": ("good", "", "DANE", True, "Verified"),
    "wrong": ("bad", "", "DANE", False, ""),
    "policy": ("mx", "mx", "MTA-STS", True, "Verified"),
    "stranger": ("other", "other", "MTA-STS", False, ""),
    "both": ("good", "mx", "DANE", True, "Verified"),
    "neither": ("bad", "bad", "DANE", False, ""),
    "plain": ("other", "", "nothing", True, ""),
}
KEY = "openssl x509 -in /etc/ssl/world/certificate.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1"


@pytest.fixture(scope="module")
def promises(lab: Lab) -> Iterator[None]:
    """The world's domains, which promise or not."""
    address, key = lab.outside.address, lab.run(lab.outside.name, KEY).strip()
    records = [f"{host}.{WORLD} 0 A {address}" for host in ("good", "bad", "mx", "other")]
    records += [f"_25._tcp.good.{WORLD} 0 TLSA 3 1 1 {key}", f"_25._tcp.bad.{WORLD} 0 TLSA 3 1 1 {key[::-1]}"]
    policies = {}
    for domain, (exchanger, policy, *_) in PROMISES.items():
        records.append(f"{domain}.{WORLD} 0 MX 10 {exchanger}.{WORLD}.")
        if policy:
            host = f"mta-sts.{domain}.{WORLD}"
            records += [f'_mta-sts.{domain}.{WORLD} 0 TXT "v=STSv1; id=1"', f"{host} 0 A {address}"]
            policies[host] = f"version: STSv1\r\nmode: enforce\r\nmx: {policy}.{WORLD}\r\nmax_age: 86400\r\n"
    with outgoing.names(lab, records, policies):
        yield


@pytest.mark.usefixtures("promises")
def test_machines_know_what_is_promised(lab: Lab) -> None:
    for machine in (lab.exchanger, outgoing.submission(lab)):
        for domain, (exchanger, policy, rules, *_) in PROMISES.items():
            said = json.loads(lab.run(machine.name, f"tls-policy check --json {domain}.{WORLD}"))
            assert said["rules"].startswith(rules), said
            assert f"match={policy}.{WORLD}" in said["policy"] if rules == "MTA-STS" else not said["policy"]
            assert list(said["hosts"]) == [f"{exchanger}.{WORLD}"]


@pytest.mark.usefixtures("promises")
def test_a_promise_that_is_not_kept_holds_mail_back(lab: Lab) -> None:
    machine, began = outgoing.submission(lab).name, time.time()
    recipients = {domain: f"somebody@{domain}.{WORLD}" for domain in PROMISES}
    token = outgoing.hand_in(lab, list(recipients.values()))
    held = [recipients[domain] for domain, (*_, passes, _) in PROMISES.items() if not passes]
    try:
        for domain, (exchanger, _, _, passes, call) in PROMISES.items():
            if not passes:
                continue
            outgoing.arrived(lab, token, recipients[domain])
            line = f"{call} TLS connection established to {exchanger}.{WORLD}"
            log = f"journalctl -q -o cat --since @{began:.6f} -t postfix-inside/smtp -g '{line}' || true"
            assert not call or post.wait_for(partial(lab.run, machine, log), 10), line
        for recipient in held:
            why = post.wait_for(partial(outgoing.waiting, lab, machine, recipient), 30)
            assert "certificate" in why.lower() or "tlsa" in why.lower(), f"{recipient}: {why}"
        for recipient in held:
            assert not any(recipient in lab.run(lab.outside.name, f"grep Delivered-To {file}") for file in outgoing.files(lab, token)), (
                f"{recipient} has a letter over a connection that the receiver forbids"
            )
    finally:
        outgoing.drop(lab, machine, held)
