"""Remove what has been kept long enough, by age and by size of each class, in small steps that nobody waits for.

Why the steps are as they are:

- Candidates are read without locks; each transaction deletes by primary key (partition_tag, mail_id), for about a tenth of a second,
  and is followed by a pause. READ COMMITTED takes no gap locks (MariaDB, "InnoDB Lock Modes"), so nobody who inserts waits for one.
- A message's copy, recipients and record go in one transaction. A purge that is killed leaves nothing half removed, and the next one
  finds the rest. A copy of many chunks goes first, by itself: then the message counts as purged, which is what it will be.
"""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

from .database import Database, marks
from .settings import CLASS_OF, CLASSES, Admin, days_of

DAY = 86400
_SMALLEST, _LARGEST = 20, 1000
#: Copies larger than this lose their chunks in steps of their own.
_HEAVY = 1 << 20
#: So many chunks (16 or 32 KiB each, amavis' sql_quarantine_chunksize_max) in a step, and so many bytes of copies in a transaction.
_CHUNKS, _BYTES = 256, 8 << 20

Key = tuple[int, bytes]
#: Time, key, size of a message, and whether a copy is kept.
Candidate = tuple[int, int, bytes, int, int]


@dataclass(slots=True)
class Purged:
    """How much was removed, and how long it took. Bytes are sizes of messages whose copy was kept."""

    messages: dict[str, int] = field(default_factory=dict)
    addresses: int = 0
    orphans: int = 0
    size: int = 0
    seconds: float = 0.0
    #: The longest transaction, in seconds: who wants one of its rows waits no longer.
    longest: float = 0.0

    @property
    def total(self) -> int:
        """Messages of all classes."""
        return sum(self.messages.values())


class Purge:
    """One purge over one connection."""

    def __init__(self, database: Database, settings: Admin, say: Callable[[str], None] = lambda _: None, now: float | None = None) -> None:
        """say: gets a sentence now and then. now: the time to reckon from, for tests."""
        self._database, self._settings, self._say = database, settings, say
        self._now = int(time.time() if now is None else now)
        self._today = datetime.fromtimestamp(self._now, UTC).date()
        self._batch = 100
        self._said = time.monotonic()
        self.done = Purged()

    def run(self) -> Purged:
        """Remove everything that is due. Raises QuarantineError; what was removed until then stays removed."""
        begun = time.monotonic()
        # Whatever a table's statistics say: a list of keys is looked up key by key.
        self._database.run(
            "SET SESSION tx_isolation = 'READ-COMMITTED', eq_range_index_dive_limit = 0, in_predicate_conversion_threshold = 0"
        )
        self._deleted()
        for name in CLASSES:
            self._old(name)
        for name, megabytes in self._settings.megabytes.items():
            if megabytes:
                self._large(name, megabytes << 20)
        self._unfinished()
        self._orphans()
        self._addresses()
        self._records()
        self.done.seconds = time.monotonic() - begun
        return self.done

    # --- What is due ------------------------------------------------------------------------------------------------------------

    def _old(self, name: str) -> None:
        kept, passed = (self._now - days * DAY for days in (days_of(self._settings, name), self._settings.days_passed))
        for letter in CLASSES[name]:
            ages = "(quar_type = 'Q' AND time_num < %s OR COALESCE(quar_type, ' ') <> 'Q' AND time_num < %s)"
            due = f"content = %s AND time_num < %s AND {ages}"
            self._walk(name, due, (letter, max(kept, passed), kept, passed))

    def _unfinished(self) -> None:
        self._walk("unfinished", "content IS NULL AND time_num < %s", (self._now - self._settings.days_unfinished * DAY,))

    def _large(self, name: str, limit: int) -> None:
        letters = CLASSES[name]
        kept = f"content IN ({marks(letters)}) AND quar_type = 'Q'"
        total = int(self._database.value(f"SELECT COALESCE(SUM(size), 0) FROM msgs WHERE {kept}", tuple(letters)))
        if total <= limit:
            return
        self._say(f"{name}: {total >> 20} MB kept, {limit >> 20} MB allowed: the oldest go")
        # The newest moment at which, counted from now, the limit is passed.
        border = self._database.value(
            f"SELECT MAX(time_num) FROM (SELECT time_num, SUM(size) OVER (ORDER BY time_num DESC) AS sum FROM msgs WHERE {kept}) AS sums"
            " WHERE sum > %s",
            (*letters, limit),
        )
        for letter in letters:
            self._walk(name, "content = %s AND quar_type = 'Q' AND time_num <= %s", (letter, border))

    def _deleted(self) -> None:
        """Messages that every recipient has deleted, confirmed or received, and that nothing is to be learned from any more. A copy of
        clean mail is there although everybody has received it, so it waits for each of them."""
        due = datetime.fromtimestamp(self._now, UTC) - timedelta(days=self._settings.days_deleted)
        while keys := self._database.rows(
            "SELECT d.partition_tag, d.mail_id, m.content, COALESCE(m.size, 0) FROM disposal d"
            " LEFT JOIN msgs m USING (partition_tag, mail_id)"
            " WHERE d.at < %s"
            " AND NOT EXISTS (SELECT 1 FROM learn l WHERE l.partition_tag = d.partition_tag AND l.mail_id = d.mail_id"
            " AND l.state = 'waiting')"
            " AND NOT EXISTS (SELECT 1 FROM msgrcpt r WHERE r.partition_tag = d.partition_tag AND r.mail_id = d.mail_id"
            " AND r.rs NOT IN ('D', 'C', 'R') AND (r.ds <> 'P' OR m.content = 'C')) LIMIT %s",
            (due, self._batch),
        ):
            for letter, group in groupby(sorted(keys, key=lambda row: row[2] or ""), key=lambda row: row[2]):
                found: list[Candidate] = [(0, tag, mail_id, size, 1) for tag, mail_id, _, size in group]
                for part in _bounded(found):
                    self._remove(CLASS_OF.get(letter, "unfinished"), part)

    def _walk(self, name: str, condition: str, values: tuple[object, ...]) -> None:
        """Remove what fulfils a condition, oldest first. The condition fixes content, so that the index gives the order."""
        after: tuple[int, int, bytes] = (0, -(1 << 31), b"")
        while True:
            found: list[Candidate] = [
                tuple(row)
                for row in self._database.rows(
                    "SELECT time_num, partition_tag, mail_id, size, quar_type <=> 'Q' FROM msgs"
                    f" WHERE {condition} AND time_num >= %s"
                    " AND (time_num > %s OR partition_tag > %s OR partition_tag = %s AND mail_id > %s)"
                    " ORDER BY time_num, partition_tag, mail_id LIMIT %s",
                    (*values, after[0], after[0], after[1], after[1], after[2], self._batch),
                )
            ]
            if not found:
                return
            after = found[-1][:3]
            for part in _bounded(found):
                self._remove(name, part)

    # --- The steps --------------------------------------------------------------------------------------------------------------

    def _remove(self, name: str, found: list[Candidate]) -> None:
        for _, tag, mail_id, size, copy in found:
            if copy and size > _HEAVY:
                self._thin(tag, mail_id)
        begun = time.monotonic()
        with self._database.transaction():
            for tag, group in groupby(sorted(found, key=lambda row: row[1:3]), key=lambda row: row[1]):
                rows = list(group)
                ids = [row[2] for row in rows]
                # Placeholders only: so the library makes one statement of all rows.
                kept = [(tag, row[2], self._today) for row in rows if row[4]]
                if kept:
                    self._database.many("INSERT IGNORE INTO purged (partition_tag, mail_id, purged_on) VALUES (%s, %s, %s)", kept)
                    self._database.run(
                        f"UPDATE learn SET state = 'failed', reason = 'purged before it was learned'"
                        f" WHERE partition_tag = %s AND mail_id IN ({marks(ids)}) AND state = 'waiting'",
                        (tag, *ids),
                    )
                for table in ("quarantine", "msgrcpt", "disposal", "msgs"):
                    self._database.run(f"DELETE FROM {table} WHERE partition_tag = %s AND mail_id IN ({marks(ids)})", (tag, *ids))
        self._after(begun)
        self.done.messages[name] = self.done.messages.get(name, 0) + len(found)
        self.done.size += sum(size for *_, size, copy in found if copy)
        if time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            self._say(f"{name}: {self.done.messages[name]} removed so far, {self.done.size >> 20} MB in all")

    def _thin(self, tag: int, mail_id: bytes) -> None:
        while True:
            begun = time.monotonic()
            removed = self._database.run(
                f"DELETE FROM quarantine WHERE partition_tag = %s AND mail_id = %s LIMIT {_CHUNKS}", (tag, mail_id)
            )
            self._after(begun, adapt=False)
            if removed < _CHUNKS:
                return

    def _after(self, begun: float, adapt: bool = True) -> None:
        took = time.monotonic() - begun
        self.done.longest = max(self.done.longest, took)
        if adapt and took > 1.5 * self._settings.purge_seconds:
            self._batch = max(_SMALLEST, self._batch // 2)
        elif adapt and took < 0.7 * self._settings.purge_seconds:
            self._batch = min(_LARGEST, self._batch * 4 // 3)
        time.sleep(took * self._settings.purge_pause)

    # --- What belongs to nothing ------------------------------------------------------------------------------------------------

    def _weeks_over(self, table: str) -> Iterator[int]:
        """Return the partitions of weeks in which nobody is writing any more. Tag 0, of a filter without weeks, is never over."""
        border = week(self._now - 2 * 7 * DAY)
        for (tag,) in self._database.rows(f"SELECT DISTINCT partition_tag FROM {table} WHERE partition_tag BETWEEN 1 AND %s", (border,)):
            yield tag

    def _orphans(self) -> None:
        """Remove copies and recipients without a record: what a filter that was killed between two transactions leaves."""
        for table in ("quarantine", "msgrcpt"):
            for tag in list(self._weeks_over(table)):
                for ids in self._slices(
                    f"SELECT DISTINCT mail_id FROM {table} WHERE partition_tag = %s AND mail_id > %s ORDER BY mail_id", tag, b""
                ):
                    present = {
                        one
                        for (one,) in self._database.rows(
                            f"SELECT mail_id FROM msgs WHERE partition_tag = %s AND mail_id IN ({marks(ids)})", (tag, *ids)
                        )
                    }
                    if missing := [one for one in ids if one not in present]:
                        begun = time.monotonic()
                        self._database.run(
                            f"DELETE FROM {table} WHERE partition_tag = %s AND mail_id IN ({marks(missing)})", (tag, *missing)
                        )
                        self._after(begun, adapt=False)
                        self.done.orphans += len(missing)

    def _addresses(self) -> None:
        """Remove addresses that no message of their week names any more. Only of weeks that are over: amavis looks an address up and
        uses its number minutes later, so in the running week there is no moment at which it is surely unused."""
        for tag in list(self._weeks_over("maddr")):
            unused = (
                "SELECT a.id FROM maddr a WHERE a.partition_tag = %s AND a.id > %s"
                " AND NOT EXISTS (SELECT 1 FROM msgs m WHERE m.sid = a.id)"
                " AND NOT EXISTS (SELECT 1 FROM msgrcpt r WHERE r.rid = a.id) ORDER BY a.id"
            )
            for ids in self._slices(unused, tag, 0):
                begun = time.monotonic()
                self.done.addresses += self._database.run(f"DELETE FROM maddr WHERE id IN ({marks(ids)})", ids)
                self._after(begun, adapt=False)

    def _slices(self, query: str, tag: int, start: bytes | int) -> Iterator[list[bytes | int]]:
        after = start
        while found := [one for (one,) in self._database.rows(f"{query} LIMIT {_LARGEST}", (tag, after))]:
            yield found
            after = found[-1]

    def _records(self) -> None:
        """Forget old audit rows, what was learned, which messages were purged when, and senders that write no more."""
        kept, antispam = self._settings, self._settings.antispam
        rules = (
            ("audit", "at", kept.days_audit),
            ("learn", "done_at", kept.days_remembered),
            ("purged", "purged_on", kept.days_remembered),
            (f"`{antispam}`.txrep", "last_hit", kept.days_antispam),
            (f"`{antispam}`.awl", "last_hit", kept.days_antispam),
            (f"`{antispam}`.bayes_seen", "lastupdate", kept.days_antispam),
        )
        for table, column, days in rules:
            due = datetime.fromtimestamp(self._now, UTC) - timedelta(days=days)
            while True:
                begun = time.monotonic()
                removed = self._database.run(f"DELETE FROM {table} WHERE {column} < %s LIMIT {_LARGEST}", (due,))
                self._after(begun, adapt=False)
                if removed < _LARGEST:
                    break


def _bounded(found: list[Candidate]) -> Iterator[list[Candidate]]:
    """Cut a list so that the copies of each part are no more bytes than a transaction should remove."""
    part: list[Candidate] = []
    size = 0
    for one in found:
        if part and size + one[3] > _BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += one[3] * one[4]
    if part:
        yield part


def week(moment: float) -> int:
    """Return year * 100 + ISO week: the partition in which amavis files a message of that moment (iso8601_yearweek)."""
    year, number, _ = datetime.fromtimestamp(moment, UTC).isocalendar()
    return year * 100 + number
