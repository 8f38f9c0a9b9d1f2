"""In which order people are mirrored, and what came of it."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from posthouse.text import visible

from .people import Person

_SHOWN = 20


@dataclass
class Outcome:
    """What a run did. faults: by person; away: mailstores that could not be reached, and how many people of theirs were left out."""

    people: int = 0
    passed: int = 0
    bytes: int = 0
    letters: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    #: People whose mailbox is another one than the mirror's.
    another: dict[str, str] = field(default_factory=dict)
    #: People whom their mailstore does not know.
    unknown: dict[str, str] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    #: People for whom there was no time.
    not_reached: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    full: str = ""

    def detail(self) -> dict[str, Any]:
        """Return it as the job's detail."""
        return {
            "people": self.people,
            "passed": self.passed,
            "letters": self.letters,
            "bytes": self.bytes,
            "faults": _first(self.faults),
            "faults_count": len(self.faults),
            "another": _first(self.another),
            "another_count": len(self.another),
            "unknown": _first(self.unknown),
            "unknown_count": len(self.unknown),
            "away": {store: {"fault": why, "people": self.left_out[store]} for store, why in self.away.items()},
            "not_reached": self.not_reached,
            "full": self.full,
            "refused": _first(self.refused),
            "refused_count": len(self.refused),
        }

    @property
    def fault(self) -> str:
        """Say in a sentence what is wrong, or nothing."""
        said = [f"{store} is away ({why}): {self.left_out[store]} people wait" for store, why in self.away.items()]
        said += [self.full] if self.full else []
        if self.another:
            said += [f"{len(self.another)} people have another mailbox than the one mirrored, e.g. {visible(next(iter(self.another)))}"]
        if self.faults:
            said += [f"{len(self.faults)} people were not mirrored, e.g. {visible(next(iter(self.faults)))}"]
        return "; ".join(said)


def _first(faults: dict[str, str]) -> dict[str, str]:
    return dict(list(faults.items())[:_SHOWN])


class Queue:
    """Who comes next: whoever waited longest, of a mailstore that does not already serve as many as it may."""

    def __init__(self, people: Sequence[Person], each: int, until: float, again: Sequence[float] = ()) -> None:
        """people: in the order in which they come. each: at once from one mailstore. until: nobody begins later (time.monotonic).

        again: seconds after which a mailstore that is away is asked once more, attempt by attempt.
        """
        self._waiting: dict[str, deque[tuple[int, Person]]] = {}
        self._numbers = {person.uid: number for number, person in enumerate(people)}
        for number, person in enumerate(people):
            self._waiting.setdefault(person.store, deque()).append((number, person))
        self._each, self._until, self._again = each, until, again
        self._busy: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        #: Mailstores that are away, and when they are asked again.
        self._aside: dict[str, float] = {}
        self._changed = threading.Condition()

    def next(self) -> Person | None:
        """Wait for the next person; None when nobody is left or it is too late."""
        with self._changed:
            while self._open() and (now := time.monotonic()) < self._until:
                ready = [(self._waiting[store][0][0], store) for store in self._open() if self._may(store, now)]
                if ready:
                    store = min(ready)[1]
                    self._busy[store] += 1
                    return self._waiting[store].popleft()[1]
                self._changed.wait(1.0)
            return None

    def _open(self) -> list[str]:
        """Name the mailstores of which somebody waits, or may come back."""
        return [store for store, queue in self._waiting.items() if queue or (self._busy[store] and self._again)]

    def _may(self, store: str, now: float) -> bool:
        # One is enough to learn whether a mailstore has come back.
        most = 1 if store in self._aside else self._each
        return bool(self._waiting[store]) and self._busy[store] < most and self._aside.get(store, 0.0) <= now

    def done(self, person: Person) -> None:
        """Free the place of somebody who was served."""
        with self._changed:
            self._busy[person.store] -= 1
            self._aside.pop(person.store, None)
            self._changed.notify_all()

    def away(self, person: Person) -> int:
        """Free the place of somebody whose mailstore is away. They come again, with all others of it, or are left out now; how many are?"""
        with self._changed:
            self._busy[person.store] -= 1
            self._changed.notify_all()
            if person.store not in self._waiting:
                return 1
            now = time.monotonic()
            if self._aside.get(person.store, 0.0) <= now:
                self._attempts[person.store] += 1
                if self._attempts[person.store] > len(self._again):
                    return 1 + len(self._waiting.pop(person.store))
                self._aside[person.store] = now + self._again[self._attempts[person.store] - 1]
            self._waiting[person.store].appendleft((self._numbers[person.uid], person))
            return 0

    def leave_all(self) -> None:
        """Ask nobody more."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def left(self) -> int:
        """Count who has not been asked."""
        with self._changed:
            return sum(map(len, self._waiting.values()))
