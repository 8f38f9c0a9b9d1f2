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
from .settings import CLASS_OF, CLASSES

STATES = ("held", "pending", "released", "delivered", "deleted", "confirmed")
#: msgrcpt.rs, as amavis' README proposes its letters; C is ours: confirmed as spam.
_STATE_OF = {"R": "released", "p": "pending", "D": "deleted", "C": "confirmed"}
_OPEN = "r.rs IN (' ', 'V')"
_CONDITION = {
    "held": f"{_OPEN} AND r.ds <> 'P'",
    "delivered": f"{_OPEN} AND r.ds = 'P'",
    **{word: f"r.rs = '{letter}'" for letter, word in _STATE_OF.items()},
}
_COLUMNS = (
    "SELECT m.partition_tag, m.mail_id, r.rseqnum, rcpt.email, COALESCE(sender.email, ''), IF(r.content = ' ', m.content, r.content),"
    " r.ds, r.rs, r.bspam_level, m.size, m.time_num, m.subject, m.from_addr, m.message_id, m.client_addr, m.quar_type"
    " FROM msgs m JOIN msgrcpt r USING (partition_tag, mail_id) JOIN maddr rcpt ON rcpt.id = r.rid"
    " LEFT JOIN maddr sender ON sender.id = m.sid"
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{7,15}")
MOST = 1000


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

    def condition(self) -> tuple[str, list[Any]]:
        """Return a condition on rcpt.email and its values."""
        if self.addresses is None:
            return "1", []
        words, values = [f"rcpt.email IN ({marks(self.addresses)})"], [one.encode() for one in self.addresses]
        for one in self.addresses if self.delimiter else ():
            local, _, domain = one.rpartition("@")
            words.append("rcpt.email LIKE %s")
            values.append(f"{like(local + self.delimiter)}%@{like(domain)}".encode())
        return f"({' OR '.join(words)})", list(values)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which items to list. Times in seconds since 1970; texts are parts of what they are looked for in, without regard to case."""

    classes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    recipient: str = ""
    sender: str = ""
    text: str = ""
    since: int = 0
    until: int = 0
    limit: int = 50
    after: str = ""


def like(text: str) -> str:
    """Write text for LIKE so that it means itself."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def listed(database: Database, scope: Scope, wanted: Filter) -> tuple[list[Item], str]:
    """Return items, newest first, and the mark with which the next page begins (empty when there is none). Raises UsageError."""
    words, values = _conditions(scope, wanted)
    if not 1 <= wanted.limit <= MOST:
        raise UsageError(f"a page has between 1 and {MOST} items")
    statement = (
        f"{_COLUMNS} WHERE {' AND '.join(words)} ORDER BY m.time_num DESC, m.partition_tag DESC, m.mail_id DESC, r.rseqnum DESC LIMIT %s"
    )
    items = [_item(row) for row in database.rows(statement, (*values, wanted.limit + 1))]
    more = len(items) > wanted.limit
    items = items[: wanted.limit]
    return items, _mark(items[-1]) if more else ""


def _conditions(scope: Scope, wanted: Filter) -> tuple[list[str], list[Any]]:
    for name in wanted.classes:
        if name not in CLASSES:
            raise UsageError(f"there is no class {name}; there are {', '.join(CLASSES)}")
    for name in wanted.states:
        if name not in STATES:
            raise UsageError(f"there is no state {name}; there are {', '.join(STATES)}")
    mine, values = scope.condition()
    words = ["m.quar_type = 'Q'", "m.content IS NOT NULL", mine]
    if letters := "".join(CLASSES[name] for name in wanted.classes):
        words.append(f"IF(r.content = ' ', m.content, r.content) IN ({marks(letters)})")
        values += letters
    # What waits for a decision; of copies of clean mail, which was delivered, those that nobody has judged.
    states = wanted.states or (("held", "pending", "delivered") if "clean" in wanted.classes else ("held", "pending"))
    words.append(f"({' OR '.join(f'({_CONDITION[name]})' for name in states)})")
    for column, moment in (("m.time_num >= %s", wanted.since), ("m.time_num < %s", wanted.until)):
        if moment:
            words.append(column)
            values.append(moment)
    for text, columns in (
        (wanted.recipient, ("rcpt.email",)),
        (wanted.sender, ("sender.email", "m.from_addr")),
        (wanted.text, ("m.subject", "m.from_addr")),
    ):
        if text:
            words.append(f"({' OR '.join(f'CONVERT({column} USING utf8mb4) COLLATE utf8mb4_unicode_ci LIKE %s' for column in columns)})")
            values += [f"%{like(text)}%"] * len(columns)
    if wanted.after:
        moment, tag, mail_id, number = _unmark(wanted.after)
        words.append(
            "(m.time_num < %s OR m.time_num = %s AND (m.partition_tag < %s OR m.partition_tag = %s AND (m.mail_id < %s OR m.mail_id = %s"
            " AND r.rseqnum < %s)))"
        )
        values += [moment, moment, tag, tag, mail_id, mail_id, number]
    return words, values


def _mark(item: Item) -> str:
    return f"{item.at}.{item.partition}.{item.id}.{item.number}"


def _unmark(mark: str) -> tuple[int, int, bytes, int]:
    match = re.fullmatch(r"(\d{1,10})\.(\d{1,10})\.([A-Za-z0-9_+-]{1,16})\.(\d{1,9})", mark)
    if not match:
        raise UsageError("that is no mark of a page")
    return int(match[1]), int(match[2]), match[3].encode(), int(match[4])


def find(database: Database, scope: Scope, mail_id: str) -> list[Item]:
    """Return the items of a message that are in the scope: one for each recipient.

    Raises UsageError (malformed id), UnknownError, PurgedError, NotYoursError.
    """
    if not _ID.fullmatch(mail_id):
        raise UsageError("that is no id: an id has 8 to 16 letters, digits, - and _")
    key = mail_id.encode()
    # The key begins with the week: as many questions as there are weeks, not a reading of all rows.
    tags = [tag for (tag,) in database.rows("SELECT DISTINCT partition_tag FROM msgs")]
    rows = (
        database.rows(f"{_COLUMNS} WHERE m.partition_tag IN ({marks(tags)}) AND m.mail_id = %s ORDER BY r.rseqnum", (*tags, key))
        if tags
        else []
    )
    items = [_item(row) for row in rows]
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


def _item(row: Row) -> Item:
    tag, mail_id, number, recipient, sender, letter, ds, rs, score, size, at, subject, author, message_id, client, kept = row
    return Item(
        _text(mail_id),
        int(tag),
        int(number),
        _text(recipient),
        _text(sender),
        CLASS_OF.get(letter or "", "error"),
        _STATE_OF.get(rs, "delivered" if ds == "P" else "held"),
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
