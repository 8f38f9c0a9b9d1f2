"""Counters that a stranger cannot make grow without end."""

from __future__ import annotations

#: What does not fit is counted under this name.
OTHERS = "(others)"
_NAMES = 5000
_LENGTH = 200


class Tally(dict[str, int]):
    """Counts by a name that comes from a log line: a bounded number of names, each of bounded length."""

    def add(self, name: bytes, count: int = 1) -> None:
        """Count once more under this name."""
        text = name[:_LENGTH].decode("utf-8", "replace")
        if text not in self and len(self) >= _NAMES:
            text = OTHERS
        self[text] = self.get(text, 0) + count

    def top(self, number: int) -> list[tuple[str, int]]:
        """Return the most frequent names, the most frequent first."""
        return sorted(self.items(), key=lambda item: (-item[1], item[0]))[:number]
