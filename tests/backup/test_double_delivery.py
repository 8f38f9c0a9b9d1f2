"""Everything delivered is on the backup machine too, whatever becomes of it here, and nobody else ever notices."""

from __future__ import annotations

import base64
import re
import shlex
import time
from collections.abc import Callable, Sequence

import pytest
from posthouse import copyletter

from frontdoor import post
from tests.backup.copying import AS_KEEPER, kept, machine
from tests.faults.faults import stopped, window
from tests.laboratory import DELIVERY, Lab
from tests.people import People, Person

QUEUE = "/etc/postfix-copies"
SPOOL = "/mnt/home/.copies"
#: Longer than a letter takes from the exchanger into a mailbox, shorter than anything that Postfix would wait for.
AT_ONCE = 10.0
Send = Callable[..., str]


@pytest.fixture
def send(lab: Lab) -> Send:
    """Bring a letter to the store of a person, as the exchanger does, and return its token."""

    def send(person: Person, token: str = "", headers: Sequence[tuple[str, str]] = ()) -> str:
        way, host = lab.origin(lab.exchanger.name), lab.store_of(person).address
        token, outcome = lab.send(person.mail, origin=way, host=host, helo=lab.exchanger.fqdn, token=token, headers=headers)
        assert outcome.sent, outcome
        return token

    return send


def copied(lab: Lab, person: Person, token: str, seconds: float = DELIVERY) -> list[copyletter.Facts]:
    """Wait for the copies of a letter, and return what they say of it; each is whole."""
    words = f"doveadm -o mail_path='~/copies' fetch -u {shlex.quote(person.uid)} text mailbox INBOX subject {token} | base64 -w0"

    def outer() -> list[bytes]:
        said = base64.b64decode(lab.run(machine(lab).name, f"{AS_KEEPER} sh -c {shlex.quote(words)}", check=False))
        return re.split(rb"\n?^text:\n", said, flags=re.MULTILINE)[1:]

    assert post.wait_for(outer, seconds), f"no copy of {token} for {person.uid} within {seconds:.0f} s"
    return [copyletter.unwrap(one)[0] for one in outer()]


def pops(lab: Lab, person: Person, token: str) -> bytes:
    """Fetch a letter by POP3 and delete it as soon as it can be seen; return it."""
    found: list[bytes] = []

    def taken() -> bool:
        client = lab.internet.pop3(lab.proxy.public_address, f"pop.{lab.inventory.domain}")
        client.user(person.uid)
        client.pass_(person.password)
        for number in range(1, len(client.list()[1]) + 1):
            letter = b"\n".join(client.retr(number)[1]) + b"\n"
            if token.encode() in letter:
                found.append(letter)
                client.dele(number)
        client.quit()
        return bool(found)

    assert post.wait_for(taken, DELIVERY), f"{token} did not arrive"
    return found[0]


def test_a_copy_says_all_that_the_mailbox_knew(lab: Lab, people: People, send: Send) -> None:
    person = people["newcomer"]
    client = lab.internet.sieve(lab.proxy.public_address, f"sieve.{lab.inventory.domain}")
    client.login(person.uid, person.password)
    client.put(
        "file",
        'require ["fileinto", "mailbox", "copy", "imap4flags"];\r\nif header :contains "Subject" "twice" {\r\n'
        'fileinto :copy :create :flags ["\\\\Flagged", "$label1"] "Größe.a & b";\r\n}\r\n',
    )
    client.activate("file")
    client.logout()
    began = time.time()
    token = post.new_token()
    send(person, token=token, headers=[("Subject", f"twice {token}")])
    lab.receive(person, token)
    assert post.wait_for(lambda: len(copied(lab, person, token)) == 2, AT_ONCE)
    first, second = sorted(copied(lab, person, token), key=lambda one: one.folder)
    assert (first.folder, second.folder) == ("Größe/a & b", "INBOX")
    assert (set(first.flags), second.flags) == ({"\\Flagged", "$label1"}, ())
    said = lab.run(lab.store_of(person).name, f"doveadm fetch -u {person.uid} guid mailbox INBOX subject {token}")
    assert said.split() == ["guid:", second.guid]
    assert (second.sender, second.recipient, second.store) == ("writer@elsewhere.test", person.mail, lab.store_of(person).fqdn)
    assert began - 1 < second.saved.timestamp() < time.time() + 1


def test_what_is_deleted_at_once_is_copied_while_everything_is_down(lab: Lab, people: People, send: Send) -> None:
    person = people["alma"]
    store = lab.store_of(person).name
    with stopped(lab, "posthouse-copies postfix@copies", [store]):
        token = send(person)
        letter = pops(lab, person, token)
        assert lab.run(store, f"ls {SPOOL} | grep -c letter").strip() != "0"
    [facts] = copied(lab, person, token)
    assert facts.sha256 == copyletter.digest(letter)
    assert post.wait_for(lambda: lab.run(store, f"ls {SPOOL}") == "", AT_ONCE)


def test_postfix_that_was_stopped_starts_with_its_copies(lab: Lab, people: People, send: Send) -> None:
    person = people["alma"]
    with stopped(lab, "postfix", [lab.store_of(person).name]):
        pass
    copied(lab, person, send(person))


def test_what_is_not_kept_here_has_no_copy_and_copies_answer_nobody(lab: Lab, people: People, send: Send) -> None:
    forwarded, away = people["outward"], people["away"]
    send(forwarded)
    token = send(away)
    [facts] = copied(lab, away, token)
    assert facts.folder == "INBOX"
    backup, store = machine(lab), lab.store_of(away).name
    # Of the one that went first there is none by now, nor ever.
    assert kept(lab, forwarded.uid) == []
    for name, unit in ((store, "postfix@copies"), (backup.name, "postfix")):
        lines = lab.run(name, f"journalctl -u {unit} --since -60s --no-pager -o cat")
        to = {line.partition(" to=<")[2].partition(">")[0] for line in lines.splitlines() if " to=<" in line}
        assert to, f"{name} says nothing of copies"
        assert {one.rpartition("@")[2] for one in to} == {backup.fqdn}, f"{name} wrote to somebody: {to}"


def test_a_backup_machine_that_is_away_or_hangs_delays_nobody(lab: Lab, people: People, send: Send) -> None:
    person, backup = people["alma"], machine(lab).name
    store = lab.store_of(person).name
    tokens = []
    with window():
        lab.run(backup, "systemctl kill -s STOP postfix")
        try:
            for _ in range(4):
                began = time.monotonic()
                tokens.append(send(person))
                lab.receive(person, tokens[-1], seconds=AT_ONCE)
                assert time.monotonic() - began < AT_ONCE
        finally:
            lab.run(backup, "systemctl kill -s CONT postfix")
        with stopped(lab, "postfix", [backup]):
            for _ in range(4):
                tokens.append(send(person))
                lab.receive(person, tokens[-1], seconds=AT_ONCE)
            assert '"level": "fine"' in lab.run(store, "copies status --json", check=False)
            assert lab.run(store, "copies status", check=False).startswith("fine")
    lab.run(store, f"postqueue -c {QUEUE} -f")
    for token in tokens:
        # Whoever took a letter and was stopped before the answer gets it again: the same one, by its GUID.
        assert len({one.guid for one in copied(lab, person, token)}) == 1
    assert lab.run(store, f"postqueue -c {QUEUE} -j") == ""


def test_nobody_else_gives_copies_or_sees_them(lab: Lab, people: People) -> None:
    store = lab.store_of(people["alma"]).name
    door = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/var/spool/postfix-copies/public/copies'); print(s.recv(99))"
    there = f"ls -d {SPOOL} && ! ls {SPOOL}; postqueue -c {QUEUE} -p; python3 -c {shlex.quote(door)}"
    with window():  # postqueue tells the journal of whom it refused
        for account in ("nobody", "postfix", "dovenull", "posthouse-status"):
            said = lab.run(store, f"cd / && runuser -u {account} -- sh -c {shlex.quote(there)} 2>/dev/null", check=False)
            assert said == f"{SPOOL}\n", f"{account} gets {said}"


def test_the_way_is_known_by_certificate_at_both_ends(lab: Lab, people: People, send: Send) -> None:
    person = people["alma"]
    token = send(person)
    copied(lab, person, token)
    store, backup = lab.store_of(person), machine(lab)
    line = f"Verified TLS connection established to {backup.fqdn}"
    assert line in lab.run(store.name, "journalctl -u postfix@copies --since -15min --no-pager -o cat")
    line = f"Trusted TLS connection established from {store.fqdn}"
    assert line in lab.run(backup.name, "journalctl -u postfix --since -15min --no-pager -o cat")
