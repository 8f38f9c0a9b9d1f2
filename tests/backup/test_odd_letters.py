"""Whatever a letter looks like, and however many come at once, its copy is the same to the byte, and says what the mailstore knew."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor

from frontdoor import post
from tests.backup.copying import AS_KEEPER, kept, machine
from tests.laboratory import DELIVERY, Lab
from tests.people import People

#: GUID to hash, and what else is known.
Kept = dict[str, list[str]]
SENDER = "odd.writer@elsewhere.test"
CLAIMED = (b"Copy: 1", b"Person: root", b"Guid: ..%2F..%2Fx", b"Sha256: 0", b"Folder: Trash")
LETTERS = {
    "that claims to be a copy": b"".join(b"X-Posthouse-%s\r\n" % one for one in CLAIMED) + b"Subject: x\r\n\r\nx\r\n",
    "with somebody else's envelope on top": b"Return-Path: <boss@elsewhere.test>\r\nDelivered-To: root\r\nSubject: x\r\n\r\nx\r\n",
    "without a header": b"\r\nonly a body\r\n",
    "without a body": b"Subject: x\r\n",
    "of nothing": b"",
    "with a subject of many lines": b"Subject: a\r\n"
    + b"".join(b" %d %s\r\n" % (one, b"b" * 60) for one in range(40))
    + b"From: a@b.test\r\n\r\nx\r\n",
    "with a subject that is empty at first": b"Subject:\r\n \r\n\tlater\r\nTo: a@b.test\r\n\r\nx\r\n",
    "with a carriage return in its subject": b"Subject: a\rX-Posthouse-Copy: 2\r\n\r\nx\r\n",
    "with a header of 8 bits": b'Subject: Gr\xfc\xdfe \xff\xfe\r\nFrom: "\xe4" <a@b.test>\r\n\r\n\xe4\xf6\xfc\r\n',
    "with lines that are no fields": b"Subject: x\r\nno field at all\r\nMessage-ID: <y>\r\n\r\nx\r\n",
    "with NUL and other controls": b"Subject: x\r\n\r\na\0b\x01\x0c\r\n\x0c\r\ntext:\r\nhdr: x\r\n",
    "with carriage returns alone": b"Subject: x\r\n\r\na\rb\r\r\r\nc\r\n\r\r\n",
    "with dots and From": b"Subject: x\r\n\r\nFrom here on\r\n.\r\n..\r\n...\r\n.x\r\n",
    "with a line of 70,000 bytes": b"Subject: x\r\n\r\n" + b"y" * 70_000 + b"\r\n",
    "of two megabytes": b"Subject: x\r\n\r\n" + b"0123456789abcdef\t\r\n" * 110_000,
}
# What lies in a mailbox: GUID and hash. As copies say it, line ends are LF and there is one at the end.
THERE = """
import hashlib, json, pathlib, re, sys
for kind in ("new", "cur"):
    for one in pathlib.Path(sys.argv[1], kind).iterdir():
        letter = re.sub(rb"\\r+\\n", b"\\n", one.read_bytes())
        letter += b"" if letter.endswith(b"\\n") else b"\\n"
        print(json.dumps([one.name.partition(":")[0], hashlib.sha256(letter).hexdigest()]))
"""
# What the backup machine has, taken out of its envelope by the code that restores it.
COPIED = """
import hashlib, json, sys
sys.path.insert(0, "/usr/lib/posthouse/backup")
from backup import doveadm, kept
from posthouse.copyletter import unwrap
place, faults = doveadm.Place(sys.argv[1], doveadm.COPIES), []
for _, outer in kept.texts(place, "INBOX", kept.listed(place, "INBOX"), faults):
    facts, letter = unwrap(outer)
    digest = hashlib.sha256(letter).hexdigest()
    print(json.dumps([facts.guid, digest, facts.person, facts.folder, facts.sender, facts.recipient, facts.store]))
sys.exit("; ".join(faults) or 0)
"""


def test_odd_letters_are_copied_to_the_byte(lab: Lab, people: People) -> None:
    person, store = people["alma"], lab.store_of(people["alma"])
    uid, backup = shlex.quote(person.uid), machine(lab).name
    known = there(lab, store.name, person.uid)
    for what, letter in LETTERS.items():
        with lab.smtp(lab.origin(lab.exchanger.name), store.address, helo=lab.exchanger.fqdn) as client:
            client.ehlo()
            client.mail(SENDER)
            assert client.rcpt(person.mail)[0] == 250
            code, said = client.data(letter)
            assert code == 250, f"a letter {what}: {code} {said!r}"

    def came() -> Kept:
        return {guid: row for guid, row in there(lab, store.name, person.uid).items() if guid not in known}

    assert post.wait_for(lambda: len(came()) == len(LETTERS), DELIVERY), f"{len(came())} of {len(LETTERS)} letters arrived"
    wanted = {guid: [*row, person.uid, "INBOX", SENDER, person.mail, store.fqdn] for guid, row in came().items()}

    def copied() -> Kept:
        # Other tests' letters to this person may be gone from the mailbox, and their copies here.
        found = rows(lab, backup, f"{AS_KEEPER} python3 -IB - {uid}", COPIED)
        return {guid: row for guid, *row in found if guid in wanted}

    assert post.wait_for(lambda: len(copied()) == len(wanted), DELIVERY), f"{len(copied())} of {len(wanted)} copies arrived"
    assert copied() == wanted


def test_of_letters_that_come_at_once_none_is_missed(lab: Lab, people: People) -> None:
    """Several deliveries at a time into a mailbox that nobody has opened yet: Dovecot makes it only then, and its list of numbers."""
    person, store = people["visitor"], lab.store_of(people["visitor"])

    def several(_: int) -> list[str]:
        way = lab.origin(lab.exchanger.name)
        sent = [lab.send(person.mail, origin=way, host=store.address, helo=lab.exchanger.fqdn) for _ in range(3)]
        assert all(outcome.sent for _, outcome in sent), sent
        return [token for token, _ in sent]

    with ThreadPoolExecutor(10) as pool:
        tokens = {token for share in pool.map(several, range(10)) for token in share}

    def missed() -> set[str]:
        subjects = " ".join(kept(lab, person.uid))
        return {token for token in tokens if token not in subjects}

    assert post.wait_for(lambda: not missed(), DELIVERY), f"no copy of {missed()}"


def there(lab: Lab, store: str, uid: str) -> Kept:
    """Return what lies in somebody's INBOX."""
    folder = f"/mnt/home/{uid}/Maildir"
    return {guid: row for guid, *row in rows(lab, store, f"test ! -d {folder}/new || python3 -IB - {folder}", THERE)}


def rows(lab: Lab, where: str, command: str, code: str) -> list[list[str]]:
    """Run a program on a machine and return the lines of JSON that it prints."""
    return [json.loads(line) for line in lab.run(where, command, code).splitlines()]
