"""Letters as amavis files them, written with the filter's own account: the statements are those of Amavis/Conf.pm's %sql_clause."""

from __future__ import annotations

import base64
import hashlib
import itertools
import time
from collections.abc import Sequence

from services.quarantine.quarantine.database import Database
from services.quarantine.quarantine.purge import week

_NUMBERS = itertools.count(1)
TEXT = b"""X-Envelope-From: <mallory@elsewhere.test>
X-Envelope-To: <al@madstop.test>, <bo@madstop.test>
X-Envelope-To-Blocked: <al@madstop.test>, <bo@madstop.test>
X-Quarantine-ID: <ID>
X-Spam-Status: Yes, score=12.5 tagged_above=-999 required=5
\ttests=[GTUBE=10, MISSING_DATE=1.5,
\tODD=1] autolearn=no
From: "Mallory" <mallory@elsewhere.test>
To: al@madstop.test
Subject: cheap pills

Buy now.
"""


def mail_id(number: int | None = None) -> tuple[str, str]:
    """Return an id and the secret that belongs to it: the id is made from the secret (Amavis/Util.pm, generate_mail_id)."""
    secret = hashlib.sha256(f"letter {next(_NUMBERS) if number is None else number}".encode()).digest()[:9]
    while True:
        found = base64.urlsafe_b64encode(hashlib.md5(secret).digest())[:12].decode()  # noqa: S324  amavis' own arithmetic
        if found[0].isalnum():
            return found, base64.urlsafe_b64encode(secret).decode()
        secret = hashlib.sha256(secret).digest()[:9]


def address(database: Database, tag: int, email: str) -> int:
    """Return the number of an address in a week."""
    found = database.value("SELECT id FROM maddr WHERE partition_tag = %s AND email = %s", (tag, email.encode()))
    if found is None:
        domain = ".".join(reversed(email.rpartition("@")[2].split(".")))
        database.run("INSERT INTO maddr (partition_tag, email, domain) VALUES (%s, %s, %s)", (tag, email.encode(), domain))
        return address(database, tag, email)
    return int(found)


def file(
    database: Database,
    recipients: Sequence[str] = ("al@madstop.test",),
    *,
    content: str = "S",
    days: float = 0,
    text: bytes = TEXT,
    copy: bool = True,
    sender: str = "mallory@elsewhere.test",
    subject: str = "cheap pills",
    delivered: bool = False,
    finished: bool = True,
    size: int = 0,
    weekly: bool = True,
) -> str:
    """File a letter and return its id. days: how long ago it came. size: as the record says, when it is not that of the text.
    weekly: under its week, as our filters do; else under 0, as amavis does when nobody tells it otherwise."""
    at = int(time.time() - days * 86400)
    tag = week(at) if weekly else 0
    new, secret = mail_id()
    sid = address(database, tag, sender)
    database.run(
        "INSERT INTO msgs (partition_tag, mail_id, secret_id, am_id, time_num, time_iso, sid, policy, client_addr, size, host)"
        " VALUES (%s, %s, %s, '12345-01', %s, %s, %s, '', '198.51.100.66', %s, 'mx1.madstop.test')",
        (tag, new, secret, at, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at)), sid, size or len(text)),
    )
    if copy:
        filled = text.replace(b"<ID>", b"<" + new.encode() + b">")
        for number, start in enumerate(range(0, len(filled), 16384), 1):
            database.run(
                "INSERT INTO quarantine (partition_tag, mail_id, chunk_ind, mail_text) VALUES (%s, %s, %s, %s)",
                (tag, new, number, filled[start : start + 16384]),
            )
    if not finished:
        return new
    with database.transaction():
        for number, recipient in enumerate(recipients, 1):
            database.run(
                "INSERT INTO msgrcpt (partition_tag, mail_id, rseqnum, rid, is_local, content, ds, rs, bl, wl, bspam_level, smtp_resp)"
                " VALUES (%s, %s, %s, %s, 'Y', %s, %s, ' ', 'N', 'N', 12.5, '250 2.7.0 Ok, discarded')",
                (tag, new, number, address(database, tag, recipient), content, "P" if delivered else "D"),
            )
        database.run(
            "UPDATE msgs SET content = %s, quar_type = %s, quar_loc = %s, dsn_sent = 'N', spam_level = 12.5,"
            " message_id = '<x@elsewhere.test>',"
            " from_addr = %s, subject = %s, client_addr = '198.51.100.66', originating = 'N' WHERE partition_tag = %s AND mail_id = %s",
            (content, "Q" if copy else " ", new, '"Mallory" <mallory@elsewhere.test>', subject, tag, new),
        )
    return new


def rows(database: Database, table: str, mail: str) -> int:
    """Return how many rows of a table belong to a letter."""
    return int(database.value(f"SELECT COUNT(*) FROM {table} WHERE mail_id = %s", (mail.encode(),)))  # noqa: S608  a test's own table
