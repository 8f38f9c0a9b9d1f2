"""What a check finds: a sentence, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from posthouse import text

LONGEST = 400


class Level(IntEnum):
    """How bad it is; the number is the exit code that monitoring reads."""

    FINE = 0
    WARNING = 1
    CRITICAL = 2

    @property
    def word(self) -> str:
        """As people and programs are told."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one thing.

    check: the noun of the check, such as queue. about: which of them, such as outside. says: a sentence. remedy: what to do, where
    something is to be done. figures: the numbers of the sentence, for programs.
    """

    check: str
    about: str
    level: Level
    says: str
    remedy: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As JSON has it. Whatever came from elsewhere is harmless for a terminal from here on."""
        return {
            "check": visible(self.check),
            "about": visible(self.about),
            "level": self.level.word,
            "says": visible(self.says),
            "remedy": visible(self.remedy) if self.level else "",
            "figures": dict(self.figures),
        }


def restored(told: Any) -> Finding:
    """Read a finding back. Raises ValueError when it is none: it came from another machine."""
    if not isinstance(told, dict) or not isinstance(told.get("figures", {}), dict):
        raise ValueError("that is no finding")  # noqa: TRY004, because what another machine says is wrong data, no wrong call
    try:
        level = Level[str(told["level"]).upper()]
        words = [visible(str(told[name])) for name in ("check", "about", "says")]
    except KeyError as fault:
        raise ValueError(f"a finding lacks {fault}") from fault
    return Finding(words[0], words[1], level, words[2], visible(str(told.get("remedy", ""))), told.get("figures", {}))


def visible(line: str) -> str:
    """Make one line of a text that came from anywhere, harmless for a terminal and not endless."""
    return text.shortened(text.visible(" ".join(line.split())), LONGEST)


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a number is a warning, and from where on it is critical."""

    warning: float
    critical: float

    def above(self, value: float) -> Level:
        """Judge a number of which more is worse."""
        return Level.CRITICAL if value >= self.critical else Level.WARNING if value >= self.warning else Level.FINE

    def below(self, value: float) -> Level:
        """Judge a number of which less is worse."""
        return Level.CRITICAL if value <= self.critical else Level.WARNING if value <= self.warning else Level.FINE


def worst(found: Iterable[Finding]) -> Level:
    """The worst level among findings."""
    return max((one.level for one in found), default=Level.FINE)


def listed(names: Sequence[str], most: int = 6) -> str:
    """A list for a sentence, cut where it would be no sentence any more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def duration(seconds: float) -> str:
    """A length of time in words that people use."""
    for unit, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if abs(seconds) >= 2 * unit:
            return f"{abs(seconds) / unit:.0f} {word}"
    return f"{abs(seconds):.0f} seconds"
