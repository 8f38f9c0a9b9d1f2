"""Remove messages in small steps that nobody waits for.

- Each transaction deletes by primary key (partition_tag, mail_id), for about a tenth of a second, and is followed by a pause. READ
  COMMITTED takes no gap locks (MariaDB, "InnoDB Lock Modes"), so nobody who inserts waits for one.
- A message's copy, recipients and record go in one transaction. A purge that is killed leaves nothing half removed, and the next one
  finds the rest. A copy of many chunks goes first, by itself: then the message counts as purged, which is what it will be.
"""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from .database import Database, marks
from .settings import Admin

SMALLEST, LARGEST = 20, 1000
#: Copies larger than this lose their chunks in steps of their own.
_HEAVY = 1 << 20
#: So many chunks (16 or 32 KiB each, amavis' sql_quarantine_chunksize_max) in a step, and so many bytes of copies in a transaction.
_CHUNKS, _BYTES = 256, 8 << 20
#: Partition, id, size, whether a copy is kept, class.
Candidate = tuple[int, bytes, int, int, str]


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


class Steps:
    """Removes what it is told, over one connection."""

    def __init__(self, database: Database, settings: Admin, say: Callable[[str], None], now: int) -> None:
        """say: gets a sentence now and then. now: the time to reckon from."""
        self._database, self._settings, self._say = database, settings, say
        self._today = datetime.fromtimestamp(now, UTC).date()
        self._said = time.monotonic()
        #: Messages to ask for at once.
        self.batch = 100
        self.done = Purged()
        # Whatever a table's statistics say: a list of keys is looked up key by key.
        database.run("SET SESSION tx_isolation = 'READ-COMMITTED', eq_range_index_dive_limit = 0, in_predicate_conversion_threshold = 0")

    def remove(self, found: Iterable[Candidate]) -> None:
        """Remove messages."""
        for part in _bounded(found):
            self._remove(part)

    def _remove(self, found: list[Candidate]) -> None:
        for tag, mail_id, size, copy, _ in found:
            if copy and size > _HEAVY:
                self._thin(tag, mail_id)
        begun = time.monotonic()
        with self._database.transaction():
            for tag, group in groupby(sorted(found, key=lambda row: row[:2]), key=lambda row: row[0]):
                rows = list(group)
                ids = [row[1] for row in rows]
                # Placeholders only: so the library makes one statement of all rows.
                kept = [(tag, row[1], self._today) for row in rows if row[3]]
                if kept:
                    self._database.many("INSERT IGNORE INTO purged (partition_tag, mail_id, purged_on) VALUES (%s, %s, %s)", kept)
                    self._database.run(
                        f"UPDATE learn SET state = 'failed', reason = 'purged before it was learned'"
                        f" WHERE partition_tag = %s AND mail_id IN ({marks(ids)}) AND state = 'waiting'",
                        (tag, *ids),
                    )
                for table in ("quarantine", "msgrcpt", "disposal", "msgs"):
                    self._database.run(f"DELETE FROM {table} WHERE partition_tag = %s AND mail_id IN ({marks(ids)})", (tag, *ids))
        self.after(begun)
        for name, count in Counter(row[4] for row in found).items():
            self.done.messages[name] = self.done.messages.get(name, 0) + count
        self.done.size += sum(row[2] for row in found if row[3])
        if time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            self._say(f"{self.done.total} messages removed so far, {self.done.size >> 20} MB")

    def _thin(self, tag: int, mail_id: bytes) -> None:
        while True:
            begun = time.monotonic()
            removed = self._database.run(
                f"DELETE FROM quarantine WHERE partition_tag = %s AND mail_id = %s LIMIT {_CHUNKS}", (tag, mail_id)
            )
            self.after(begun, adapt=False)
            if removed < _CHUNKS:
                return

    def after(self, begun: float, adapt: bool = True) -> None:
        """Note how long a step took, choose the size of the next, and pause."""
        took = time.monotonic() - begun
        self.done.longest = max(self.done.longest, took)
        if adapt and took > 1.5 * self._settings.purge_seconds:
            self.batch = max(SMALLEST, self.batch // 2)
        elif adapt and took < 0.7 * self._settings.purge_seconds:
            self.batch = min(LARGEST, self.batch * 4 // 3)
        time.sleep(took * self._settings.purge_pause)


def _bounded(found: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    """Cut a list so that the copies of each part are no more bytes than a transaction should remove."""
    part: list[Candidate] = []
    size = 0
    for one in found:
        if part and size + one[2] * one[3] > _BYTES:
            yield part
            part, size = [], 0
        part.append(one)
        size += one[2] * one[3]
    if part:
        yield part
