"""Counters that a stranger cannot make grow without end."""

from __future__ import annotations

#: What does not fit is counted under this name.
OTHERS = b"(others)"
_NAMES = 5000
_LENGTH = 200


class Tally:
    """Counts by a name that comes from a log line: a bounded number of names, each of bounded length."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.counts: dict[bytes, int] = {}

    def add(self, name: bytes, count: int = 1) -> None:
        """Count once more under this name."""
        name = name[:_LENGTH]
        counts = self.counts
        if name not in counts and len(counts) >= _NAMES:
            name = OTHERS
        counts[name] = counts.get(name, 0) + count

    def take(self, other: Tally) -> None:
        """Add what another has counted."""
        for name, count in other.counts.items():
            self.add(name, count)

    def top(self, number: int) -> list[tuple[bytes, int]]:
        """Return the most frequent names, the most frequent first."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:number]
