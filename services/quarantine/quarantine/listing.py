"""Lists of what is kept: filtered, newest first, page by page."""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .database import Database, marks
from .errors import UsageError
from .items import COLUMNS, STATE_OF, STATES, Item, Scope, item_of, like
from .settings import CLASSES

MOST = 1000
_OPEN = "r.rs IN (' ', 'V')"
_CONDITION = {
    "held": f"{_OPEN} AND r.ds <> 'P'",
    "delivered": f"{_OPEN} AND r.ds = 'P'",
    **{word: f"r.rs = '{letter}'" for letter, word in STATE_OF.items()},
}
_ORDER = "ORDER BY m.time_num DESC, m.partition_tag DESC, m.mail_id DESC"


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


@dataclass(slots=True)
class _Conditions:
    """Conditions, and their values."""

    words: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, word: str, *values: Any) -> None:
        self.words.append(word)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self.words)


def listed(database: Database, scope: Scope, wanted: Filter) -> tuple[list[Item], str]:
    """Return items, newest first, and the mark with which the next page begins (empty when there is none). Raises UsageError."""
    if not 1 <= wanted.limit <= MOST:
        raise UsageError(f"a page has between 1 and {MOST} items")
    message, item = _of_message(wanted), _of_item(wanted)
    if wanted.after:
        moment, tag, mail_id, number = _unmark(wanted.after)
        older = (
            "m.time_num < %s OR m.time_num = %s AND (m.partition_tag < %s OR m.partition_tag = %s AND (m.mail_id < %s OR m.mail_id = %s{}))"
        )
        place = (moment, moment, tag, tag, mail_id, mail_id)
        message.add(f"({older.format('')})", *place)
        # The page may end between two recipients of a message.
        item.add(f"({older.format(' AND r.rseqnum < %s')})", *place, number)
    statement = _of_everybody if scope.addresses is None else _of_somebody
    rows = database.rows(*statement(database, scope, message, item, wanted.limit + 1))
    items = [item_of(row) for row in rows[: wanted.limit]]
    return items, _mark(items[-1]) if len(rows) > wanted.limit else ""


def _of_everybody(_database: Database, _scope: Scope, message: _Conditions, item: _Conditions, most: int) -> tuple[str, list[Any]]:
    """So many of the newest messages by the index of their time, and only then their recipients: whatever the tables' statistics say,
    no page needs a reading of all rows. A subquery that asks for a value is not turned into a join."""
    suits = (
        "(SELECT 1 FROM msgrcpt r JOIN maddr rcpt ON rcpt.id = r.rid"
        f" WHERE r.partition_tag = m.partition_tag AND r.mail_id = m.mail_id AND {item} LIMIT 1) IS NOT NULL"
    )
    newest = (
        "SELECT STRAIGHT_JOIN m.partition_tag, m.mail_id, m.content, m.size, m.time_num, m.subject, m.from_addr, m.message_id,"
        " m.client_addr, m.quar_type, sender.email AS sender FROM msgs m FORCE INDEX (msgs_time)"
        f" LEFT JOIN maddr sender ON sender.id = m.sid WHERE {message} AND {suits} {_ORDER} LIMIT %s"
    )
    statement = (
        f"SELECT {COLUMNS.format(sender='m.sender')} FROM ({newest}) m JOIN msgrcpt r USING (partition_tag, mail_id)"
        f" JOIN maddr rcpt ON rcpt.id = r.rid WHERE {item} {_ORDER}, r.rseqnum DESC LIMIT %s"
    )
    return statement, [*message.values, *item.values, most, *item.values, most]


def _of_somebody(database: Database, scope: Scope, message: _Conditions, item: _Conditions, most: int) -> tuple[str, list[Any]]:
    mine, numbers = scope.condition(database)
    statement = (
        f"SELECT {COLUMNS.format(sender='sender.email')} FROM msgrcpt r JOIN msgs m USING (partition_tag, mail_id)"
        " JOIN maddr rcpt ON rcpt.id = r.rid LEFT JOIN maddr sender ON sender.id = m.sid"
        f" WHERE {mine} AND {message} AND {item} {_ORDER}, r.rseqnum DESC LIMIT %s"
    )
    return statement, [*numbers, *message.values, *item.values, most]


def _of_message(wanted: Filter) -> _Conditions:
    found = _Conditions(["m.quar_type = 'Q'", "m.content IS NOT NULL"])
    if wanted.since:
        found.add("m.time_num >= %s", wanted.since)
    if wanted.until:
        found.add("m.time_num < %s", wanted.until)
    if wanted.sender:
        _contains(found, wanted.sender, "sender.email", "m.from_addr")
    if wanted.text:
        _contains(found, wanted.text, "m.subject", "m.from_addr")
    return found


def _of_item(wanted: Filter) -> _Conditions:
    for kind, names, known in (("class", wanted.classes, CLASSES), ("state", wanted.states, STATES)):
        if unknown := [name for name in names if name not in known]:
            raise UsageError(f"there is no {kind} {unknown[0]}; there are {', '.join(known)}")
    found = _Conditions()
    if letters := "".join(CLASSES[name] for name in wanted.classes):
        found.add(f"IF(r.content = ' ', m.content, r.content) IN ({marks(letters)})", *letters)
    # What waits for a decision; of copies of clean mail, which was delivered, those that nobody has judged.
    states = wanted.states or (("held", "pending", "delivered") if "clean" in wanted.classes else ("held", "pending"))
    found.add(f"({' OR '.join(f'({_CONDITION[name]})' for name in states)})")
    if wanted.recipient:
        _contains(found, wanted.recipient, "rcpt.email")
    return found


def _contains(conditions: _Conditions, text: str, *columns: str) -> None:
    words = " OR ".join(f"CONVERT({column} USING utf8mb4) COLLATE utf8mb4_unicode_ci LIKE %s" for column in columns)
    conditions.add(f"({words})", *[f"%{like(text)}%"] * len(columns))


def _mark(item: Item) -> str:
    return f"{item.at}.{item.partition}.{item.id}.{item.number}"


def _unmark(mark: str) -> tuple[int, int, bytes, int]:
    match = re.fullmatch(r"(\d{1,10})\.(\d{1,10})\.([A-Za-z0-9_+-]{1,16})\.(\d{1,9})", mark)
    if not match:
        raise UsageError("that is no mark of a page")
    return int(match[1]), int(match[2]), match[3].encode(), int(match[4])
