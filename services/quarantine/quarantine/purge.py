"""Find what has been kept long enough, by age and by size of each class, and have it removed.

Candidates are read without locks; steps.py removes them.
"""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from .database import Database, marks
from .settings import CLASS_OF, CLASSES, Admin, days_of
from .steps import LARGEST, Purged, Steps

DAY = 86400


class Purge:
    """One purge over one connection."""

    def __init__(self, database: Database, settings: Admin, say: Callable[[str], None] = lambda _: None, now: float | None = None) -> None:
        """say: gets a sentence now and then. now: the time to reckon from, for tests."""
        self._database, self._settings, self._say = database, settings, say
        self._now = int(time.time() if now is None else now)
        self._steps = Steps(database, settings, say, self._now)

    @property
    def done(self) -> Purged:
        """What has been removed so far."""
        return self._steps.done

    def run(self) -> Purged:
        """Remove everything that is due. Raises QuarantineError; what was removed until then stays removed."""
        begun = time.monotonic()
        self._deleted()
        self._weeks()
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

    def _weeks(self) -> None:
        """Weeks of which nothing is to be kept, in the order in which their rows lie on the disk: faster than by age when a
        purge has much to catch up with."""
        kept = self._settings
        longest = max(kept.days_passed, kept.days_unfinished, *(days_of(kept, name) for name in CLASSES))
        border = week(self._now - longest * DAY)
        for (tag,) in self._database.rows(
            "SELECT DISTINCT partition_tag FROM msgs WHERE partition_tag > 0 AND partition_tag < %s", (border,)
        ):
            after = b""
            while found := self._database.rows(
                "SELECT mail_id, size, quar_type <=> 'Q', content FROM msgs WHERE partition_tag = %s AND mail_id > %s AND time_num < %s"
                " ORDER BY mail_id LIMIT %s",
                (tag, after, self._now - longest * DAY, self._steps.batch),
            ):
                after = found[-1][0]
                self._steps.remove((tag, mail_id, size, copy, CLASS_OF.get(letter, "unfinished")) for mail_id, size, copy, letter in found)

    def _old(self, name: str) -> None:
        kept, passed = (self._now - days * DAY for days in (days_of(self._settings, name), self._settings.days_passed))
        for letter in CLASSES[name]:
            ages = "(quar_type = 'Q' AND time_num < %s OR COALESCE(quar_type, ' ') <> 'Q' AND time_num < %s)"
            due = f"content = %s AND time_num < %s AND {ages}"
            self._walk(name, due, (letter, max(kept, passed), kept, passed))

    def _unfinished(self) -> None:
        """Records that the filter never completed. It has mostly judged the letter again, when it came again; but where a copy was filed,
        nobody knows whether all its recipients have heard of it, so that is kept as long as what went wrong is."""
        copy = "EXISTS (SELECT 1 FROM quarantine q WHERE q.partition_tag = msgs.partition_tag AND q.mail_id = msgs.mail_id)"
        for word, days in (("NOT", self._settings.days_unfinished), ("", days_of(self._settings, "error"))):
            self._walk("unfinished", f"content IS NULL AND time_num < %s AND {word} {copy}", (self._now - days * DAY,))

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
        what everybody has received is there for each of them, so it waits for all."""
        due = datetime.fromtimestamp(self._now, UTC) - timedelta(days=self._settings.days_deleted)
        while keys := self._database.rows(
            "SELECT d.partition_tag, d.mail_id, m.content, COALESCE(m.size, 0) FROM disposal d"
            " LEFT JOIN msgs m USING (partition_tag, mail_id)"
            " WHERE d.at < %s"
            " AND NOT EXISTS (SELECT 1 FROM learn l WHERE l.partition_tag = d.partition_tag AND l.mail_id = d.mail_id"
            " AND l.state = 'waiting')"
            " AND NOT EXISTS (SELECT 1 FROM msgrcpt r WHERE r.partition_tag = d.partition_tag AND r.mail_id = d.mail_id"
            " AND r.rs NOT IN ('D', 'C', 'R') AND (r.ds <> 'P' OR NOT EXISTS (SELECT 1 FROM msgrcpt b"
            " WHERE b.partition_tag = d.partition_tag AND b.mail_id = d.mail_id AND b.ds <> 'P'))) LIMIT %s",
            (due, self._steps.batch),
        ):
            self._steps.remove((tag, mail_id, size, 1, CLASS_OF.get(letter, "unfinished")) for tag, mail_id, letter, size in keys)

    def _walk(self, name: str, condition: str, values: tuple[object, ...]) -> None:
        """Remove what fulfils a condition, oldest first. The condition fixes content, so that the index gives the order."""
        after: tuple[int, int, bytes] = (0, -(1 << 31), b"")
        while True:
            found = self._database.rows(
                "SELECT time_num, partition_tag, mail_id, size, quar_type <=> 'Q' FROM msgs"
                f" WHERE {condition} AND time_num >= %s"
                " AND (time_num > %s OR partition_tag > %s OR partition_tag = %s AND mail_id > %s)"
                " ORDER BY time_num, partition_tag, mail_id LIMIT %s",
                (*values, after[0], after[0], after[1], after[1], after[2], self._steps.batch),
            )
            if not found:
                return
            after = (found[-1][0], found[-1][1], found[-1][2])
            self._steps.remove((tag, mail_id, size, copy, name) for _, tag, mail_id, size, copy in found)

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
                        self._steps.after(begun, adapt=False)
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
                self._steps.after(begun, adapt=False)

    def _slices(self, query: str, tag: int, start: bytes | int) -> Iterator[list[bytes | int]]:
        after = start
        while found := [one for (one,) in self._database.rows(f"{query} LIMIT {LARGEST}", (tag, after))]:
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
                removed = self._database.run(f"DELETE FROM {table} WHERE {column} < %s LIMIT {LARGEST}", (due,))
                self._steps.after(begun, adapt=False)
                if removed < LARGEST:
                    break


def week(moment: float) -> int:
    """Return year * 100 + ISO week: the partition in which amavis files a message of that moment (iso8601_yearweek)."""
    year, number, _ = datetime.fromtimestamp(moment, UTC).isocalendar()
    return year * 100 + number
