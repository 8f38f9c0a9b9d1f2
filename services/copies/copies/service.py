"""Takes letters from the spool, oldest first, and gives them to the instance as long as that has room."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

from posthouse.copyletter import wrap
from posthouse.journal import NOTICE
from posthouse.placement import address, places, unusable
from posthouse.text import shortened, visible

from . import spool
from .handing import AwayError, Queue, RefusedError
from .memory import Memory
from .settings import Settings

_log = logging.getLogger(__name__)
#: Seconds after which to look again: for nothing in particular, for room in the queue, after a fault, at a letter that was refused.
_IDLE, _FULL, _FAULT, _REFUSED = 30.0, 2.0, (1.0, 30.0), 300.0
#: The queue is asked so often at most.
_ASK = 1.0
#: The spool is looked through so often while there is more to do, and for so small a part of the time; the least that a look is put off.
_LOOK, _SHARE, _SOON = 60.0, 20, 0.01
#: A delivery needs less than a second from the letter to its note.
_ALONE = 600.0


class Giver(Protocol):
    """Whoever takes letters for the backup machines."""

    def give(self, recipients: Sequence[str], outer: bytes) -> None:
        """Take one letter."""


class Service:
    """One thread's. clock: seconds since the epoch. ticks: seconds that nobody puts back."""

    def __init__(
        self,
        settings: Settings,
        memory: Memory,
        giver: Giver,
        queue: Callable[[], Queue],
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._memory, self._giver, self._queue = settings, memory, giver, queue
        self._clock, self._ticks = clock, ticks
        self._spool = Path(settings.spool)
        self._pending: deque[str] = deque()
        # By machine: it has as much in the queue as it may have, and what is for others goes on.
        self._held: dict[str, deque[str]] = {machine: deque() for machine in settings.machines}
        self._room: dict[str, tuple[int, int]] = {}
        self._later: dict[str, float] = {}
        self._look_at = self._ask_at = 0.0
        self._faults = 0
        self.stopping = False

    def round(self) -> float:
        """Do what can be done now; return after how many seconds to come again at the latest."""
        try:
            wait = self._round()
        except (AwayError, OSError) as fault:
            wait = min(_FAULT[0] * 2**self._faults, _FAULT[1])
            self._faults = min(self._faults + 1, 10)
            # What was in hand is still in the spool.
            self._look_at, self._pending = 0.0, deque()
            self._hindered(str(fault))
        self._remember()
        return wait

    def _round(self) -> float:
        now = self._ticks()
        looked = now >= self._look_at + (_LOOK if self._pending else 0.0)
        if looked:
            began = time.monotonic()
            self._take_up(spool.look(self._spool), self._clock())
            self._look_at = now + _SHARE * (time.monotonic() - began)
        while not self.stopping and (name := self._next()):
            try:
                self._hand(name)
            except RefusedError as fault:
                # One letter is not taken; those behind it may be.
                self._later[name] = self._ticks() + _REFUSED
                _log.log(NOTICE, "the copy %s was refused and is tried again in %d s: %s", visible(name), _REFUSED, visible(str(fault)))
            except OSError as fault:
                # What one person's process put there, or a part of the disk that cannot be read, does not hold up the others.
                self._later[name] = self._ticks() + _REFUSED
                _log.warning("the copy %s cannot be read: %s", visible(name), visible(str(fault)))
        self._faults = 0
        self._hindered("")
        # A look that was put off is not slept over.
        if any(self._held.values()):
            return _FULL
        return _IDLE if looked else max(_SOON, self._look_at - now)

    def _next(self) -> str:
        """Return the next letter that somebody may take, or nothing."""
        for machine, names in self._held.items():
            if names and self._has_room(machine):
                return names.popleft()
        return self._pending.popleft() if self._pending else ""

    def _take_up(self, found: spool.Found, now: float) -> None:
        self._later = {name: at for name, at in self._later.items() if at > self._ticks()}
        oldest = now - 86400 * self._settings.lifetime_days
        letters = []
        for name in found.letters:
            if 0 < spool.second(name) < oldest:
                self._lose(spool.every(name), f"it has waited for {self._settings.lifetime_days} days, no backup machine took it")
            elif name not in self._later:
                letters.append(name)
        held = set(chain.from_iterable(self._held.values()))
        self._pending = deque(name for name in self._make_room(letters) if name not in held)
        for name in found.missed:
            self._lose([name], f"a delivery could not make the copy; {spool.why_missed(self._spool, name)}", NOTICE)
        for name in found.alone:
            if self._untouched(name + spool.LETTER, now):
                self._lose([name + spool.LETTER], "the delivery ended before it could say whose letter it is")
        for name in found.others:
            if self._untouched(name, now):
                self._remove([name])

    def _make_room(self, letters: list[str]) -> list[str]:
        """Where deliveries would soon find no room, copies that are the last name of a letter cost what they need."""
        kept = []
        tight = self._tight()
        for number, name in enumerate(letters):
            if tight and number % 50 == 49:
                tight = self._tight()
            if tight and self._last_name(name):
                self._lose(spool.every(name), "deleted by its owner, and given up because the file system of the homes is nearly full")
            else:
                kept.append(name)
        return kept

    def _tight(self) -> bool:
        found = os.statvfs(self._spool)
        return found.f_bavail * found.f_frsize < self._settings.spool_room

    def _last_name(self, name: str) -> bool:
        try:
            return self._spool.joinpath(name + spool.LETTER).lstat().st_nlink == 1
        except FileNotFoundError:
            return False

    def _untouched(self, name: str, now: float) -> bool:
        try:
            return now - self._spool.joinpath(name).lstat().st_ctime > _ALONE
        except FileNotFoundError:
            return False

    def _has_room(self, machine: str) -> bool:
        """Nobody else gives letters to the instance, so what was free is free but for what was given since."""
        if min(self._room.get(machine, (0, 0))) <= 0 and self._ticks() >= self._ask_at:
            waiting = self._queue().machines
            self._ask_at = self._ticks() + _ASK
            for one in self._settings.machines:
                letters, size = waiting.get(one, (0, 0))
                self._room[one] = (self._settings.queue_letters - letters, self._settings.queue_bytes - size)
        return min(self._room.get(machine, (0, 0))) > 0

    def _hand(self, name: str) -> None:
        settings = self._settings
        try:
            known = spool.note(self._spool, name)
            if reason := unusable(known.person):
                if self._memory.refuse(known.person, reason, self._clock()):
                    _log.log(NOTICE, "%s has no copies of letters: as a name %s", visible(known.person), reason)
                spool.remove(self._spool, *spool.every(name))
                return
            given = spool.given(self._spool, name)
            machines = [one for one in places(known.person, settings.machines, settings.copies) if one not in given]
            ready = [one for one in machines if self._has_room(one)]
            if machines and not ready:
                self._held[machines[0]].append(name)
                return
            inner = spool.letter(self._spool, name)
            outer = wrap(spool.facts(name, known, inner, settings.store), inner)
        except FileNotFoundError:
            return
        except ValueError as fault:
            self._lose(spool.every(name), str(fault))
            return
        addresses = {address(known.person, one): one for one in ready}
        try:
            if addresses:
                self._giver.give(list(addresses), outer)
            taken = set(ready)
        except RefusedError as fault:
            if taken := {addresses[one] for one in fault.taken}:
                spool.give(self._spool, name, given | taken)
            raise
        for one in taken:
            self._room[one] = (self._room[one][0] - 1, self._room[one][1] - len(outer))
        if taken == set(machines):
            spool.remove(self._spool, *spool.every(name))
        else:
            spool.give(self._spool, name, given | taken)
            self._held[next(one for one in machines if one not in taken)].append(name)

    def _lose(self, names: Sequence[str], why: str, level: int = logging.WARNING) -> None:
        """Say that there is no copy. level: a delivery that missed one has said so itself."""
        if self._remove(names):
            self._memory.lose(shortened(why, 500), self._clock())
            _log.log(level, "no copy of %s: %s", visible(names[0]), visible(why))

    def _remove(self, names: Sequence[str]) -> bool:
        """Remove what is worth nothing. What cannot be removed stays, and is not told again and again."""
        try:
            spool.remove(self._spool, *names)
        except OSError as fault:
            _log.debug("%s cannot be removed: %s", visible(names[0]), fault)
            return False
        return True

    def _hindered(self, fault: str) -> None:
        if self._memory.hindered(visible(shortened(fault, 500)), self._clock()):
            _log.info("copies wait in the spool: %s", visible(fault)) if fault else _log.info("copies are handed over again")

    def _remember(self) -> None:
        try:
            self._memory.write()
        except OSError as fault:
            _log.warning("what status has to tell cannot be kept: %s", fault)
