"""Bring a person's mail back to a mailstore: nothing that is there is overwritten, removed or put there twice."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import maildirs, room
from .settings import Settings
from .staging import Staged, Wish, area_of, push, stage
from .transfer import way


@dataclass(slots=True)
class Done:
    """What came back, or would. letters, size, folders, present: as Staged has them; seconds: that it took."""

    person: str
    to: str
    letters: int
    size: int
    present: int
    whole: bool
    seconds: float
    folders: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "seconds": round(self.seconds, 2)}


def restore(settings: Settings, person: str, store: str, wish: Wish, *, check: bool = False) -> Done:
    """Bring back what a wish says to a mailstore, or, with check, only say what that would be. Raises OSError."""
    began = time.monotonic()
    if not any(maildirs.folders(settings.person(person) / one) for one in ("mirror", "copies", "removed")):
        return Done(person, store, 0, 0, 0, False, 0.0)
    if not check:
        room.needed(settings)
    with area_of(settings, person) as area, way(settings, store) as destination:
        staged = stage(settings, person, destination, wish, area, store)
        # With nothing to bring, a person's Sieve scripts may still be.
        scripts = wish.whole and wish.folders is None
        if not check and (staged.letters or scripts):
            push(settings, person, staged, destination, scripts)
        return _done(person, store, staged, began)


def rehearse(settings: Settings, person: str, into: Path, folders: frozenset[str] | None = None) -> Done:
    """Restore a person into an empty folder of scratch by the same way, as if their store had lost everything. Raises OSError."""
    began = time.monotonic()
    destination = f"maildir:{into}"
    with area_of(settings, person) as area:
        staged = stage(settings, person, destination, Wish(folders=folders), area)
        push(settings, person, staged, destination, scripts=False)
        return _done(person, str(into), staged, began)


def _done(person: str, to: str, staged: Staged, began: float) -> Done:
    seconds = time.monotonic() - began
    return Done(person, to, staged.letters, staged.size, staged.present, staged.whole, seconds, staged.folders, staged.faults)
