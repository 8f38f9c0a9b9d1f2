"""Who may bring copies to a backup machine, and that nobody's credentials open it."""

from __future__ import annotations

import smtplib
from contextlib import suppress

import pytest

from tests.backup.copying import PORT, door, kept, machine
from tests.laboratory import Lab
from tests.people import People

PORTS = (24, 25, 110, 143, 389, 465, 587, 993, 995, 2525, 2529, 4190)


def answer(lab: Lab, certificate: str, recipient: str) -> int | None:
    """Return the code of RCPT for who shows a certificate at a mailstore's address; nothing when the session ended before."""
    with suppress(smtplib.SMTPServerDisconnected, OSError), door(lab, certificate) as client:
        client.mail("")
        return client.rcpt(recipient)[0]
    return None


def test_a_mailstores_key_opens_the_door_and_no_other_machines(lab: Lab) -> None:
    place = f"nobody@{machine(lab).fqdn}"
    assert [answer(lab, store.name, place) for store in lab.stores] == [250] * len(lab.stores)
    # Of the same authority, from a mailstore's address: a proxy, an exchanger, the backup machine itself.
    for name in (lab.proxy.name, lab.exchanger.name, machine(lab).name):
        code = answer(lab, name, place)
        assert code is not None, f"{name} was not heard"
        assert 400 <= code < 500, f"{name} may bring copies ({code}), or is told never to come back"


def test_without_a_certificate_nothing_is_heard(lab: Lab) -> None:
    assert answer(lab, "", f"nobody@{machine(lab).fqdn}") is None


@pytest.mark.parametrize("name", ['"../scratch/x"', '"joe/mirror"', '".."', '".joe"', "joe%x", "j*", "j?e", '"joe\\/x"'])
def test_no_name_leads_out_of_a_persons_folder(lab: Lab, name: str) -> None:
    # A mailstore that was broken into says what it likes.
    code = answer(lab, lab.stores[0].name, f"{name}@{machine(lab).fqdn}")
    assert code is not None
    assert code != 250


def test_a_mailstore_can_leave_copies_and_nothing_else(lab: Lab) -> None:
    assert answer(lab, lab.stores[0].name, "out@elsewhere.test") == 454
    with door(lab, lab.stores[0].name) as client:
        offered = set(client.esmtp_features)
        assert offered.isdisjoint({"auth", "etrn", "vrfy", "smtputf8", "chunking"}), offered
        assert client.verify("nobody")[0] >= 400


@pytest.mark.parametrize("end", ["\n.\n", "\n.\r\n", "\r\n.\n"])
def test_one_letter_is_not_two(lab: Lab, end: str) -> None:
    with door(lab, lab.stores[0].name) as client:
        client.mail("")
        assert client.rcpt(f"smuggled@{machine(lab).fqdn}")[0] == 250
        assert client.docmd("DATA")[0] == 354
        second = f"MAIL FROM:<>\r\nRCPT TO:<smuggled@{machine(lab).fqdn}>\r\nDATA\r\nSubject: two\r\n\r\nx\r\n.\r\n"
        client.send(f"Subject: one\r\n\r\nx{end}{second}")
        assert client.getreply()[0] == 450
        # The next answer is to the next command: what looked like commands was part of the letter that was refused.
        assert client.noop() == (250, b"2.0.0 Ok")
    assert kept(lab, "smuggled") == []


@pytest.mark.parametrize("kind", ["mailstore", "proxy", "world"])
def test_no_other_door_is_open(lab: Lab, kind: str) -> None:
    backup, start = machine(lab), lab.inventory.machines(kind)[0]
    places = [(backup.address, port) for port in (PORT, *PORTS)]
    allowed = {(backup.address, PORT)} if kind == "mailstore" else set()
    assert lab.origin(start.name).open_ports(places) == allowed


def test_no_password_is_good_here(lab: Lab, people: People) -> None:
    # One name only: Dovecot answers each wrong password later than the one before.
    person = people["alma"]
    said = lab.run(machine(lab).name, f"doveadm auth test {person.uid}", f"{person.password}\n", check=False)
    assert "auth succeeded" not in said
    said = lab.run(lab.store_of(person).name, f"doveadm auth test {person.uid}", f"{person.password}\n", check=False)
    assert "auth succeeded" in said, "it is not even good on the mailstore"


def test_no_account_of_the_machine_but_the_keepers_reads_anything(lab: Lab) -> None:
    backup = machine(lab).name
    assert lab.run(backup, "passwd -S posthouse-backup").split()[1] == "L"
    assert lab.run(backup, "getent passwd posthouse-backup").strip().endswith(("/nologin", "/false"))
    secrets = "/etc/dovecot/dovecot.conf /etc/dovecot/storage.key /etc/posthouse/backup.toml"
    for account in ("nobody", "postfix", "dovecot", "dovenull", "posthouse-status"):
        line = (
            f"for one in {secrets}; do cat $one; done; ls /srv/backup /srv/backup/people /srv/backup/scratch; doveadm fetch -u x text all"
        )
        read = lab.run(backup, f"cd / && runuser -u {account} -- sh -c '{line}' 2>/dev/null", check=False)
        assert read == "", f"{account} reads {read[:40]!r}"
        assert lab.run(backup, f"id -nG {account}").split().count("posthouse-backup") == 0
