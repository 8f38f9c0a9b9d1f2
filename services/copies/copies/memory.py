"""What status has to tell, kept over a restart: whose letters cannot be copied, what was lost, what hinders now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from posthouse import state

_FILE = "state.json"
#: People and losses that are told by name; of more, how many.
_MOST = 200


class Memory:
    """One small file, written when something changed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        found = state.read(self._path)
        self._refused: dict[str, Any] = dict(found.get("refused", {}))
        self._lost: list[Any] = list(found.get("lost", []))
        self._total = int(found.get("lost_total", 0))
        self._fault: Any = found.get("fault")
        self._written = self._content()

    def refuse(self, person: str, why: str, now: float) -> bool:
        """Remember that a person can have no copies; say whether that is news."""
        news = person not in self._refused
        if news and len(self._refused) >= _MOST:
            self._refused.pop(min(self._refused, key=lambda one: float(self._refused[one][1])))
        # By the hour, so that not every letter writes the file.
        self._refused[person] = [why, now - now % 3600]
        return news

    def lose(self, what: str, now: float) -> None:
        """Remember that there is no copy of a letter."""
        self._total += 1
        self._lost = [*self._lost, [now, what]][-_MOST:]

    def hindered(self, fault: str, now: float) -> bool:
        """Remember what keeps all letters back, or with an empty fault that nothing does; say whether that is news."""
        before = self._fault["what"] if self._fault else ""
        if fault:
            self._fault = {"what": fault, "since": self._fault["since"] if self._fault else now}
        else:
            self._fault = None
        return bool(before) != bool(fault)

    def write(self) -> None:
        """Write what changed. Raises OSError."""
        if (content := self._content()) != self._written:
            state.write(self._path, json.loads(content), 0o600)
            self._written = content

    def _content(self) -> str:
        return json.dumps({"refused": self._refused, "lost": self._lost, "lost_total": self._total, "fault": self._fault})


def told(folder: Path) -> dict[str, Any]:
    """Return what was written last: refused, person to reason and hour; lost, moments and words; fault, or None."""
    found = state.read(folder / _FILE)
    return {"refused": found.get("refused", {}), "lost": found.get("lost", []), "fault": found.get("fault")}
