"""Copies as a mailstore would bring them, and what a backup machine has of somebody."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from posthouse import copyletter, placement

from frontdoor import post
from frontdoor.landscape import Machine
from frontdoor.mailclient import Smtp
from tests.laboratory import DELIVERY, Lab

PORT = 2528
#: Runs a command as whoever keeps the backups, where it may stand.
AS_KEEPER = "cd / && runuser -u posthouse-backup --"


def machine(lab: Lab) -> Machine:
    """Return the backup machine."""
    return lab.inventory.machines("backup")[0]


def door(lab: Lab, certificate: str = "", start: str = "") -> Smtp:
    """Connect to the backup machine and show a certificate. certificate: whose, or nobody's. start: on which machine."""
    backup = machine(lab)
    origin = lab.origin(start or lab.stores[0].name)
    client = origin.smtp(backup.address, PORT, f"{start or lab.stores[0].name}.test")
    client._host = backup.fqdn  # what smtplib checks the certificate against
    context = origin.tls()
    if certificate:
        pki = lab.inventory.folder / "pki"
        context.load_cert_chain(pki / f"{certificate}.pem", pki / f"{certificate}.key")
    client.ehlo()
    client.starttls(context=context)
    client.ehlo()
    return client


def copy(person: str, saved: datetime, subject: str, store: str) -> bytes:
    """Write a copy of a letter that was delivered to somebody then."""
    inner = f"Return-Path: <writer@elsewhere.test>\nFrom: writer@elsewhere.test\nSubject: {subject}\n\n{subject} \xe4\n".encode("latin-1")
    facts = copyletter.Facts(
        person=person,
        folder="INBOX",
        guid=f"{saved.timestamp():.0f}.M1P1.{subject}",
        uid=1,
        uidvalidity=1,
        saved=saved,
        flags=(),
        store=store,
        sender="writer@elsewhere.test",
        recipient=f"{person}@madstop.test",
    )
    return copyletter.wrap(facts, inner)


def bring(lab: Lab, copies: Iterable[tuple[str, datetime, str]]) -> None:
    """Bring copies as the first mailstore does: person, when it was delivered, subject."""
    store, backup = lab.stores[0], machine(lab)
    with door(lab, store.name) as client:
        for person, saved, subject in copies:
            letter = copy(person, saved, subject, store.fqdn).replace(b"\n", b"\r\n")
            assert client.sendmail("", [placement.address(person, backup.fqdn)], letter) == {}


def kept(lab: Lab, person: str) -> list[str]:
    """Return the subjects of the copies that the backup machine has of somebody, in order."""
    words = f"doveadm -o mail_path='~/copies' -f json fetch -u {shlex.quote(person)} hdr.subject mailbox INBOX all"
    said = lab.run(machine(lab).name, f"{AS_KEEPER} {words}", check=False)
    with suppress(ValueError):
        return sorted(one["hdr.subject"] for one in json.loads(said))
    return []


def wait_for_copies(lab: Lab, person: str, subjects: Sequence[str], seconds: float = DELIVERY) -> None:
    """Wait until the backup machine has these copies of somebody, and only these."""
    found: list[str] = []

    def are_there() -> bool:
        found[:] = kept(lab, person)
        return found == sorted(subjects)

    assert post.wait_for(are_there, seconds), f"of {person} there is {found}, not {sorted(subjects)}"
