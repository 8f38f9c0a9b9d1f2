"""Decide whether a new table can be believed: a failed or cut search must never empty the old one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW = 3600.0


@dataclass(slots=True)
class Guard:
    """Compares each table with the largest one of the last hour, so that a loss in many small steps is one loss."""

    loss_percent: float
    loss_tolerated: int
    _sizes: deque[tuple[float, int]] = field(default_factory=deque)

    def remember(self, now: float, size: int) -> None:
        """Note that a table of this size is in use since now (seconds of any steady clock)."""
        self._sizes.append((now, size))

    def objection(self, now: float, size: int) -> str:
        """Say why a table of this size is not believed, or nothing."""
        if size == 0:
            return "the directory gave not one address"
        # The newest one counts however old it is: it is what Postfix uses.
        while len(self._sizes) > 1 and self._sizes[1][0] < now - WINDOW:
            self._sizes.popleft()
        before = max((known for _, known in self._sizes), default=0)
        lost = before - size
        if lost > self.loss_tolerated and lost * 100 > before * self.loss_percent:
            return f"{lost} of {before} addresses were lost at once, more than {self.loss_percent:g} %"
        return ""

    def forget(self) -> None:
        """Begin anew: an operator has said that the loss is real."""
        self._sizes.clear()
