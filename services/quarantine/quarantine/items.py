"""What is kept: find it, for everybody or for one person."""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .database import Database, Row, marks
from .errors import NotYoursError, PurgedError, UnknownError, UsageError
from .settings import CLASS_OF

STATES = ("held", "pending", "released", "delivered", "deleted", "confirmed")
#: msgrcpt.rs, as amavis' README proposes its letters; C is ours: confirmed as spam.
STATE_OF = {"R": "released", "p": "pending", "D": "deleted", "C": "confirmed"}
COLUMNS = (
    "m.partition_tag, m.mail_id, r.rseqnum, rcpt.email, {sender}, IF(r.content = ' ', m.content, r.content), r.ds, r.rs, r.bspam_level,"
    " m.size, m.time_num, m.subject, m.from_addr, m.message_id, m.client_addr, m.quar_type"
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{7,15}")


@dataclass(frozen=True, slots=True)
class Item:
    """A message as one recipient has it. at: seconds since 1970. The text of headers is decoded, not made safe for a terminal."""

    id: str
    partition: int
    number: int
    recipient: str
    sender: str
    kind: str
    state: str
    seen: bool
    score: float
    size: int
    at: int
    subject: str
    author: str
    message_id: str
    client: str
    copy: bool

    def as_json(self) -> dict[str, Any]:
        """Return what programs are given."""
        return {
            "id": self.id,
            "recipient": self.recipient,
            "sender": self.sender,
            "class": self.kind,
            "state": self.state,
            "seen": self.seen,
            "score": round(self.score, 3),
            "size": self.size,
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "subject": self.subject,
            "from": self.author,
            "message_id": self.message_id,
            "client": self.client,
        }


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose items may be seen and acted on. Without addresses: everybody's, which is for administrators."""

    addresses: tuple[str, ...] | None = None
    delimiter: str = "+"

    def owns(self, recipient: str) -> bool:
        """Whether an item of this recipient belongs to the person."""
        if self.addresses is None:
            return True
        lowered = recipient.lower()
        local, _, domain = lowered.rpartition("@")
        plain = f"{local.partition(self.delimiter)[0]}@{domain}" if self.delimiter else lowered
        return lowered in self.addresses or plain in self.addresses

    def condition(self, database: Database) -> tuple[str, list[Any]]:
        """Return a condition on msgrcpt r, and its values. The addresses' numbers are looked up first, week by week, each by an index."""
        if self.addresses is None:
            return "1", []
        weeks = [tag for (tag,) in database.rows("SELECT DISTINCT partition_tag FROM maddr")]
        patterns = list(self.addresses)
        for one in self.addresses if self.delimiter else ():
            local, _, domain = one.rpartition("@")
            patterns.append(f"{like(local + self.delimiter)}%@{like(domain)}")
        plain = len(self.addresses)
        numbers: list[Any] = []
        for number, pattern in enumerate(patterns if weeks else ()):
            how = "=" if number < plain else "LIKE"
            question = f"SELECT id FROM maddr WHERE partition_tag IN ({marks(weeks)}) AND email {how} %s"
            found = database.rows(question, (*weeks, pattern.encode()))
            numbers += [one for (one,) in found]
        return (f"r.rid IN ({marks(numbers)})", numbers) if numbers else ("0", [])


def person(addresses: Sequence[str], delimiter: str = "+") -> Scope:
    """Return the scope of a person with these addresses. Raises UsageError when one is none."""
    lowered = tuple(dict.fromkeys(one.strip().lower() for one in addresses))
    for one in lowered:
        local, at, domain = one.rpartition("@")
        if not (local and at and domain):
            raise UsageError(f"{one!r} is no address")
    if not lowered:
        raise UsageError("a person has at least one address")
    return Scope(lowered, delimiter)


def like(text: str) -> str:
    """Write text for LIKE so that it means itself."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def find(database: Database, scope: Scope, mail_id: str) -> list[Item]:
    """Return the items of a message that are in the scope: one for each recipient.

    Raises UsageError (malformed id), UnknownError, PurgedError, NotYoursError.
    """
    if not _ID.fullmatch(mail_id):
        raise UsageError("that is no id: an id has 8 to 16 letters, digits, - and _")
    key = mail_id.encode()
    # The key begins with the week: as many questions as there are weeks, not a reading of all rows.
    tags = [tag for (tag,) in database.rows("SELECT DISTINCT partition_tag FROM msgs")]
    statement = (
        f"SELECT {COLUMNS.format(sender='sender.email')} FROM msgs m JOIN msgrcpt r USING (partition_tag, mail_id)"
        " JOIN maddr rcpt ON rcpt.id = r.rid LEFT JOIN maddr sender ON sender.id = m.sid"
        f" WHERE m.partition_tag IN ({marks(tags)}) AND m.mail_id = %s ORDER BY r.rseqnum"
    )
    rows = database.rows(statement, (*tags, key)) if tags else []
    items = [item_of(row) for row in rows]
    if not items:
        # Tags are few here too, but tombstones outlive the messages of their week.
        weeks = [tag for (tag,) in database.rows("SELECT DISTINCT partition_tag FROM purged")]
        day = weeks and database.value(
            f"SELECT purged_on FROM purged WHERE partition_tag IN ({marks(weeks)}) AND mail_id = %s", (*weeks, key)
        )
        if day:
            raise PurgedError(f"{mail_id} was purged on {day}, when it had been kept as long as its class is")
        raise UnknownError(f"there is no item {mail_id}")
    mine = [item for item in items if scope.owns(item.recipient)]
    if not mine:
        raise NotYoursError(f"{mail_id} is not for this person")
    if not mine[0].copy:
        raise PurgedError(f"of {mail_id} no copy was kept")
    return mine


def item_of(row: Row) -> Item:
    """Read a row of COLUMNS."""
    tag, mail_id, number, recipient, sender, letter, ds, rs, score, size, at, subject, author, message_id, client, kept = row
    return Item(
        _text(mail_id),
        int(tag),
        int(number),
        _text(recipient),
        _text(sender),
        CLASS_OF.get(letter or "", "error"),
        STATE_OF.get(rs, "delivered" if ds == "P" else "held"),
        rs == "V",
        float(score or 0),
        int(size),
        int(at),
        _text(subject),
        _text(author),
        _text(message_id),
        _text(client),
        kept == "Q",
    )


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
