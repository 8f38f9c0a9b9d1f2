"""Twenty people with 250 letters each, written straight into their Maildirs; what they have is known letter by letter.

Nothing that is tested says what is there: hashes, flags, dates, UIDs and GUIDs are those that this page wrote.
"""

from __future__ import annotations

import base64
import hashlib
import io
import random
import re
import shlex
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.laboratory import Lab
from tests.people import People, Person

PEOPLE, LETTERS = 20, 250
#: As IMAP shows them, with / between levels. The characters are those that shells, Dovecot's settings, Sieve and file systems take for
#: something; a dot, a slash and a tilde at the beginning are no characters of a folder's name on a mailstore.
FOLDERS = [
    "INBOX",
    "Sent",
    "Drafts",
    "INBOX/unter",
    "Grün/ß/Łódź",
    'Anführung "x"',
    "it's",
    "50% %u %{home} %%",
    "smile 😀",
    "a&b &- &AC8-",
    "star* and ?",
    "back\\slash",
    "{curly} [square]",
    " lead and trail ",
    "$HOME `id` ;|",
]
#: What logins may be: an address's characters, spaces aside.
NAMES = ["o'hara{}", "joe+x{}", "amp&er{}", "under_{}", "equals={}"]
_FLAGS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
_KEYWORDS = ["$Forwarded", "Wichtig", "NonJunk", "$label1"]
SCRIPT = 'require "fileinto";\nif header :contains "subject" "Łódź" { fileinto "Grün.ß.Łódź"; }\n'


@dataclass
class Letter:
    """A letter as it was written. text: with LF at the ends of lines."""

    guid: str
    uid: int
    text: bytes
    flags: frozenset[str]
    received: int

    @property
    def seen(self) -> tuple[int, str, frozenset[str], int]:
        """What has to be the same everywhere: UID, hash, flags and date."""
        return self.uid, hashlib.sha256(self.text).hexdigest(), self.flags, self.received


@dataclass
class Folder:
    """A folder as it was written."""

    validity: int
    guid: str
    letters: list[Letter] = field(default_factory=list)


@dataclass
class Member:
    """Somebody of the crowd, and what they have."""

    person: Person
    folders: dict[str, Folder]
    subscribed: list[str]


def directory_of(name: str) -> str:
    """Return the name of a folder's directory in a Maildir."""
    if name == "INBOX":
        return ""
    coded = re.sub(
        r"[^\x20-\x7e]+",
        lambda found: "&" + base64.b64encode(found[0].encode("utf-16-be"), b"+,").rstrip(b"=").decode() + "-",
        name.replace("&", "&-"),
    )
    return "." + coded.replace("/", ".")


def member(person: Person, dice: random.Random) -> Member:
    """Invent what somebody has: 250 letters, most of them in INBOX, some empty, one of half a megabyte, some of any bytes."""
    now = 1_780_000_000
    folders = {name: Folder(now + number, dice.randbytes(16).hex()) for number, name in enumerate(FOLDERS)}
    for number in range(LETTERS):
        folder = folders[FOLDERS[0] if number % 3 else dice.choice(FOLDERS)]
        received = now - dice.randrange(900 * 86400)
        head = f"From: writer{number}@elsewhere.test\nTo: {person.mail}\nSubject: Nr. {number}\nMessage-ID: <{number}.{person.uid}@x>\n"
        body = dice.choice([b"", b"kurz\n", b"ohne Ende", bytes(range(1, 256)).replace(b"\r", b""), b"From gone\n.\n..\n" * 40])
        body = dice.randbytes(250_000).hex().encode() if number == 7 else body
        flags = {one for one in [*_FLAGS, *_KEYWORDS] if dice.random() < 0.2}
        uid = (folder.letters[-1].uid if folder.letters else 0) + dice.choice([1, 1, 1, 5])
        text = head.encode() + b"\n" + body
        crlf = len(text) + text.count(b"\n")
        guid = f"{received}.M{number}P{dice.randrange(99999)}.crowd,S={len(text)},W={crlf}"
        folder.letters.append(Letter(guid, uid, text, frozenset(flags), received))
    return Member(person, folders, ["Sent", "Grün/ß/Łódź", "smile 😀"])


def packed(members: list[Member]) -> bytes:
    """Write everybody's home as one archive, below the directory of homes."""
    stream, now = io.BytesIO(), time.time()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for one in members:

            def put(
                name: str, content: bytes = b"", *, when: float = 0, kind: bytes = tarfile.REGTYPE, link: str = "", one: Member = one
            ) -> None:
                entry = tarfile.TarInfo(f"{one.person.uid}/{name}".rstrip("/"))
                # Without a time, Dovecot takes dovecot-keywords for a file that is not there.
                entry.size, entry.mtime, entry.type, entry.linkname = len(content), when or now, kind, link
                entry.mode = 0o700 if kind == tarfile.DIRTYPE else 0o600
                entry.uid, entry.gid = one.person.number, 100
                archive.addfile(entry, io.BytesIO(content))

            for name in ("", "Maildir", ".sieve"):
                put(name, kind=tarfile.DIRTYPE)
            for name, folder in one.folders.items():
                path = f"Maildir/{directory_of(name)}".rstrip("/")
                for kind in ("", "/tmp", "/new", "/cur"):
                    put(path + kind, kind=tarfile.DIRTYPE)
                following = (folder.letters[-1].uid if folder.letters else 0) + 1
                lines = [
                    f"3 V{folder.validity} N{following} G{folder.guid}",
                    *(f"{letter.uid} :{letter.guid}" for letter in folder.letters),
                ]
                put(f"{path}/dovecot-uidlist", ("\n".join(lines) + "\n").encode())
                put(f"{path}/dovecot-keywords", "".join(f"{number} {word}\n" for number, word in enumerate(_KEYWORDS)).encode())
                if name != "INBOX":
                    put(f"{path}/maildirfolder")
                for letter in folder.letters:
                    marks = [_FLAGS[flag] for flag in letter.flags & _FLAGS.keys()]
                    marks += [chr(ord("a") + _KEYWORDS.index(flag)) for flag in letter.flags - _FLAGS.keys()]
                    put(f"{path}/cur/{letter.guid}:2,{''.join(sorted(marks))}", letter.text, when=letter.received)
            put("Maildir/subscriptions", ("V\t2\n\n" + "".join(name.replace("/", "\t") + "\n" for name in one.subscribed)).encode())
            put(".sieve/main.sieve", SCRIPT.encode())
            put(".sieve/other.sieve", b"keep;\n")
            put(".dovecot.sieve", kind=tarfile.SYMTYPE, link=".sieve/main.sieve")
    return stream.getvalue()


@contextmanager
def crowd(lab: Lab) -> Iterator[list[Member]]:
    """Have them in the directory and on the first mailstore, until the end."""
    store = lab.stores[0]
    group = People(lab.inventory.domain, [one.fqdn for one in lab.stores])
    group.clear()
    for number in range(PEOPLE):
        group.add(f"m{number}-", mailHost=store.fqdn)
    for number, name in enumerate(NAMES):
        group[f"m{number}-"].uid = name.format(group.run)
    dice = random.Random(group.run)
    members = [member(person, dice) for person in group.values()]
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    base = lab.inventory.values.get("mailstore_home_base", "/mnt/home")
    try:
        lab.ldapmodify(group.ldif(suffix), add=True)
        command = ["ssh", "-F", str(lab.ssh_config), store.name, f"tar -xpzf - --numeric-owner -C {base}"]
        subprocess.run(command, input=packed(members), check=True, timeout=60, capture_output=True)
        yield members
    finally:
        uids = [one.person.uid for one in members]
        lab.ldapmodify("\n".join(f"dn: {one.person.dn(suffix)}\nchangetype: delete\n" for one in members))
        lab.run(store.name, f"cd {base} && rm -rf -- {shlex.join(uids)}")
        for backup in lab.inventory.machines("backup"):
            lab.run(backup.name, f"cd /srv/backup/people && rm -rf -- {shlex.join(uids)}")
