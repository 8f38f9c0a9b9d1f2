"""How far a restore is, how fast, and when it may be done."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from posthouse import state
from posthouse.text import visible

from .bring_back import Done

#: Seconds between two lines where nobody sits at a terminal.
_SELDOM = 30.0
#: Between two looks.
EVERY = 1.0


def span(seconds: float) -> str:
    """Write a time as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@dataclass
class Progress:
    """Counts people and letters. of: how many people; volumes: letters that each has, for the time that is left; path: where it stands."""

    of: int
    volumes: Mapping[str, int]
    path: Path | None = None
    people: int = 0
    letters: int = 0
    size: int = 0
    faults: int = 0
    last: str = ""
    began: float = field(default_factory=time.monotonic)
    _weight: int = 0
    _shown: float = 0.0
    _told: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return max(time.monotonic() - self.began, 0.001)

    def passed(self, one: Done) -> None:
        """Count a person who is done."""
        self.people += 1
        self.letters += one.letters
        self.size += one.size
        self._weigh(one.person)

    def failed(self, person: str) -> None:
        """Count a person who could not be done."""
        self.faults += 1
        self._weigh(person)

    def _weigh(self, person: str) -> None:
        self.last = person
        # A person costs as much as a hundred letters, even with none.
        self._weight += self.volumes.get(person, 0) + 100

    @property
    def left(self) -> float | None:
        """Estimate the seconds that are left by the letters that are; None when nobody can say."""
        total = sum(self.volumes.values()) + 100 * self.of
        return self.seconds * (total - self._weight) / self._weight if self._weight else None

    def line(self) -> str:
        """Say it in one line."""
        rate = f"{self.size / 1e6 / self.seconds:.1f} MB/s, {self.letters / self.seconds:.0f} letters/s"
        left = "" if self.left is None or self.people + self.faults >= self.of else f" · about {span(self.left)} left"
        bad = f" · {self.faults} failed" if self.faults else ""
        person = f"person {self.people + self.faults} of {self.of}" + (f" ({visible(self.last)})" if self.last else "")
        return f"{person}{bad} · {self.letters} letters · {self.size / 1e6:.1f} MB · {rate} · {span(self.seconds)} elapsed{left}"

    def show(self, end: bool = False) -> None:
        """Write the line, now and then; at a terminal always over itself. end: in any case."""
        now = time.monotonic()
        if self._shown and not end and now - self._shown < EVERY:
            return
        if self.path:
            state.write(self.path, {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC", "line": self.line()}, 0o640)
        if sys.stderr.isatty():
            print(f"\r\033[K{self.line()}", end="\n" if end else "", file=sys.stderr, flush=True)
        elif end or now - self._told >= _SELDOM:
            self._told = now
            print(self.line(), file=sys.stderr, flush=True)
        self._shown = now
