"""Count with the others, and alone while the database is away: an outage stops nobody's mail."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from .limits import Count, Holder, Numbers, Verdict
from .local import Local
from .shared import AwayError, Late, Shared, UncertainError

T = TypeVar("T")
_log = logging.getLogger(__name__)
#: Seconds of an outage after which it is worth a warning: a database that restarts is back by then.
_ALARM = 60.0
#: Letters that are remembered for the database while it is away; older ones are forgotten.
_MOST_LATE = 100_000
_SOME = 100


class Counter:
    """Safe for threads. Without a database everything is counted on this machine."""

    def __init__(self, local: Local, shared: Callable[[], Shared] | None, clock: Callable[[], float] = time.monotonic) -> None:
        """shared: makes a connection's Shared. clock: in seconds, as time.monotonic() counts them."""
        self._local, self._clock = local, clock
        self._shared = shared() if shared else None
        # A second one for what nobody waits for: while the database hangs, letters are counted without waiting for it each time.
        self._spare = shared() if shared else None
        self._lock = threading.Lock()
        self._late: deque[Late] = deque(maxlen=_MOST_LATE)
        self._away_since: float | None = None
        self._alarmed = False
        self._fault = ""

    def count(self, holder: Holder, recipients: int, numbers: Numbers) -> Count:
        """Judge a letter and remember it. One of which nobody knows whether the others know of it is not brought to them a second time."""
        with self._lock:
            remembered = False
            if self._shared and self._away_since is None:
                try:
                    count = self._shared.count(holder, recipients, numbers)
                except AwayError as fault:
                    self._lost(fault)
                    remembered = isinstance(fault, UncertainError)
                else:
                    # So that a count that has to go on alone begins with what went through this machine.
                    self._local.note(holder, recipients, count)
                    return count
            count = self._local.count(holder, recipients, numbers)
            if self._shared and count.verdict is not Verdict.LATER and not remembered:
                self._late.append((holder, recipients, count.verdict is Verdict.HOLD, self._clock()))
            return count

    def used(self, holder: Holder) -> tuple[int, int]:
        """Return recipients and kept letters within the window."""
        return self._ask(lambda shared: shared.used(holder), lambda: self._local.used(holder))

    def all(self) -> list[tuple[Holder, int, int]]:
        """Return everybody who did anything within the window, who did most first, with recipients and kept letters."""
        found = self._ask(Shared.all, self._local.all)
        return sorted(found, key=lambda one: (-one[1], -one[2], str(one[0])))

    def status(self) -> dict[str, object]:
        """Say how counting is: shared, alone (without a database), or away, and then why."""
        with self._lock:
            state = "alone" if not self._shared else "shared" if self._away_since is None else "away"
            since = None if self._away_since is None else round(self._clock() - self._away_since)
            return {"state": state, "away_seconds": since, "fault": self._fault or None, "late": len(self._late)}

    def upkeep(self, purge: bool) -> None:
        """Try a database that is away, bring it up to date, and, when purge says so, remove what no longer counts. For one thread."""
        if purge:
            with self._lock:
                self._local.purge()
        if not self._spare:
            return
        try:
            if self._away_since is not None:
                self._catch_up(self._spare)
            if purge:
                self._spare.purge()
        except AwayError as fault:
            with self._lock:
                self._lost(fault)

    def _catch_up(self, spare: Shared) -> None:
        total = 0
        while True:
            with self._lock:
                part = list(islice(self._late, _SOME))
            try:
                spare.catch_up(part)
            except UncertainError:
                self._brought(part)
                raise
            self._brought(part)
            total += len(part)
            with self._lock:
                if not self._late:
                    self._away_since, self._alarmed, self._fault = None, False, ""
                    _log.info("the database answers again; %d letters were counted here meanwhile", total)
                    return

    def _brought(self, part: list[Late]) -> None:
        with self._lock:
            for _ in part:
                self._late.popleft()

    def _lost(self, fault: AwayError) -> None:
        now = self._clock()
        self._fault = str(fault)
        if self._away_since is None:
            self._away_since = now
            _log.info("the database is away, this machine counts alone: %s", fault)
        elif not self._alarmed and now - self._away_since >= _ALARM:
            self._alarmed = True
            _log.warning("the database has been away for %d s, this machine counts alone: %s", now - self._away_since, fault)

    def _ask(self, together: Callable[[Shared], T], alone: Callable[[], T]) -> T:
        with self._lock:
            if self._shared and self._away_since is None:
                try:
                    return together(self._shared)
                except AwayError as fault:
                    self._lost(fault)
            return alone()
