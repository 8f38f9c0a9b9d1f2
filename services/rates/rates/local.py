"""Counts of this machine alone, in memory: all there is without a database, and what goes on while it is away."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .limits import Count, Holder, Numbers, Verdict, counted


@dataclass(slots=True)
class _Record:
    """What one holder did within the window, oldest first."""

    passed: deque[tuple[float, int]] = field(default_factory=deque)
    kept: deque[float] = field(default_factory=deque)
    used: int = 0
    soft_at: float = float("-inf")
    hard_at: float = float("-inf")


class Local:
    """Sliding windows by holder. Not safe for threads: who uses it holds a lock."""

    def __init__(self, window: float, most_waiting: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._most_waiting, self._clock = window, most_waiting, clock
        self._records: dict[Holder, _Record] = {}

    def count(self, holder: Holder, recipients: int, numbers: Numbers) -> Count:
        """Judge a letter and remember it."""
        record = self._fresh(holder)
        edge = self._clock() - self._window
        told = (record.soft_at > edge, record.hard_at > edge)
        count = counted(record.used, len(record.kept), recipients, numbers, self._most_waiting, told)
        self.note(holder, recipients, count)
        return count

    def note(self, holder: Holder, recipients: int, count: Count) -> None:
        """Remember what was judged elsewhere."""
        record, now = self._fresh(holder), self._clock()
        if count.verdict is Verdict.PASS:
            record.passed.append((now, recipients))
            record.used += recipients
        elif count.verdict is Verdict.HOLD:
            record.kept.append(now)
        record.soft_at = now if count.tell_soft else record.soft_at
        record.hard_at = now if count.tell_hard else record.hard_at

    def used(self, holder: Holder) -> tuple[int, int]:
        """Return recipients and kept letters within the window."""
        record = self._fresh(holder) if holder in self._records else _Record()
        return record.used, len(record.kept)

    def all(self) -> list[tuple[Holder, int, int]]:
        """Return everybody who did anything within the window, with recipients and kept letters."""
        found = [(holder, *self.used(holder)) for holder in list(self._records)]
        return [one for one in found if one[1] or one[2]]

    def purge(self) -> None:
        """Forget who did nothing within the window."""
        edge = self._clock() - self._window
        for holder in list(self._records):
            record = self._fresh(holder)
            if not record.passed and not record.kept and max(record.soft_at, record.hard_at) <= edge:
                del self._records[holder]

    def _fresh(self, holder: Holder) -> _Record:
        record = self._records.setdefault(holder, _Record())
        edge = self._clock() - self._window
        while record.passed and record.passed[0][0] <= edge:
            record.used -= record.passed.popleft()[1]
        while record.kept and record.kept[0] <= edge:
            record.kept.popleft()
        return record
