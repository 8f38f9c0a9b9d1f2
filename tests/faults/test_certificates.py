"""Certificates end, and some prove nothing: mail waits for a machine that cannot show a good one, and a run renews what is due."""

from __future__ import annotations

import imaplib
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from frontdoor import paths, post, stages
from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People

PLACE = "/etc/ssl/posthouse"
# A reload would keep the keys of session tickets, and with them whoever was convinced before (RFC 8446 section 2.2).
RESTART = "systemctl restart postfix dovecot"
NEW = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name}"
INTO = f" -keyout {PLACE}/machine.key -out {PLACE}/machine.pem 2>/dev/null"


@contextmanager
def showing(lab: Lab, machine: str, name: str) -> Iterator[None]:
    """Have a machine show a certificate that it signed itself, for some name, instead of its own."""
    with faults.window():
        try:
            # The files are written in place, so they keep their owner and mode.
            lab.run(machine, f"cp -a {PLACE} {PLACE}.kept; {NEW.format(name=name)}{INTO}; {RESTART}")
            yield
        finally:
            lab.run(machine, f"cp -a {PLACE}.kept/. {PLACE}/ && rm -rf {PLACE}.kept; {RESTART}")


def test_mail_waits_for_a_mailstore_with_a_forged_certificate(lab: Lab, people: People) -> None:
    person = people["bela"]
    store = lab.store_of(person)
    began = time.time()
    with showing(lab, store.name, store.fqdn):
        token, outcome = lab.send(person.mail)
        assert outcome.sent, outcome
        among, outcome = lab.send(person.mail, origin=lab.origin(lab.exchanger.name), host=lab.stores[0].address)
        assert outcome.sent, outcome
        deferred = f"journalctl -q -o cat --since @{began:.6f} -g 'to=<{person.mail}>.*status=deferred.*[Cc]ertificate' || true"
        for machine in (lab.exchanger.name, lab.stores[0].name):
            assert post.wait_for(partial(lab.run, machine, deferred), 30), f"{machine} did not mind"
        with pytest.raises((imaplib.IMAP4.error, OSError)) as refusal:
            lab.imap(person)
        assert "AUTHENTICATIONFAILED" not in str(refusal.value), "the password is right, and was not shown to anybody"
    assert faults.refusals(lab, began) == ""
    faults.flush(lab)
    lab.receive(person, token, seconds=120)
    lab.receive(person, among, seconds=120)


def days_left(lab: Lab) -> int:
    """Days for which the certificate that people's mail programs are shown at the proxy is still good."""
    carried = lab.internet.connect(lab.proxy.public_address, 993)
    with lab.internet.tls().wrap_socket(carried, server_hostname=f"imap.{lab.inventory.domain}") as connection:
        certificate = connection.getpeercert()
    assert certificate is not None
    return (datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC) - datetime.now(UTC)).days


def converge(*arguments: str) -> str:
    """Run the site's playbook with more arguments; the answer is what it said at its end."""
    command = ["ansible-playbook", "playbooks/site.yml", *arguments]
    done = subprocess.run(command, cwd=paths.CHECKOUT, env=stages.environment(), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_certificate_with_less_than_thirty_days_is_renewed_and_shown(lab: Lab) -> None:
    """One that lasts 29 days is issued in the old one's place; the next ordinary run issues its successor, and connections see it."""
    only = ("--limit", lab.proxy.name)
    old = paths.INVENTORY / "pki" / f"{lab.proxy.name}.pem"
    with faults.window():
        try:
            old.unlink()
            converge(*only, "--extra-vars", "base_tls_days=29")
            assert days_left(lab) in (28, 29)
        finally:
            converge(*only)
        assert days_left(lab) > 365
        assert "changed=0" in converge(*only)
