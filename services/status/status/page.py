"""One page for people: the worst first, each with what to do."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import Any

from .findings import Finding, Level, visible, worst

_COLOURS = {Level.FINE: "32", Level.WARNING: "33", Level.CRITICAL: "31"}
_WIDTH = 110
#: Machine to its findings, in the order of the page.
Found = Mapping[str, Sequence[Finding]]


def page(title: str, found: Found, *, colours: bool, everything: bool, at: float | None = None) -> str:
    """Write the page. everything: what is fine with its sentence too, in place of a line a machine."""
    flat = [(place, one) for place, some in found.items() for one in some]
    count = {level: sum(one.level is level for _, one in flat) for level in Level}
    level = worst(one for _, one in flat)
    moment = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))
    lines = [f"{title}, {moment}: {_painted(level, _summary(count), colours)}"]
    width = max((len(place) for place in found), default=0)
    for kind in (Level.CRITICAL, Level.WARNING):
        some = [(place, one) for place, one in flat if one.level is kind]
        if some:
            lines += ["", _painted(kind, kind.word.upper(), colours)]
            for place, one in some:
                lines += _told(f"{place:{width}}  ", visible(one.says))
                if one.remedy:
                    lines += _told(" " * width + "    → ", visible(one.remedy))
    fine = {place: good for place, some in found.items() if (good := [one for one in some if one.level is Level.FINE])}
    if fine:
        lines += ["", _painted(Level.FINE, "FINE", colours)]
    for place, good in fine.items():
        said = [visible(one.says) for one in good] if everything else [", ".join(_counted(good))]
        for sentence in said:
            lines += _told(f"{place:{width}}  ", sentence)
    return "\n".join(lines)


def told(title: str, found: Found, at: float | None = None, **more: Any) -> dict[str, Any]:
    """The same for programs: level, exit code, counts, and every finding with its machine."""
    flat = [{"machine": place, **one.told()} for place, some in found.items() for one in some]
    level = worst(one for some in found.values() for one in some)
    counts = {kind.word: sum(one["level"] == kind.word for one in flat) for kind in Level}
    flat.sort(key=lambda one: -Level[one["level"].upper()])
    return {"title": title, "at": round(time.time() if at is None else at), "level": level.word, "code": int(level), "counts": counts} | {
        **more,
        "findings": flat,
    }


def _summary(count: Mapping[Level, int]) -> str:
    bad = [f"{count[kind]} {kind.word}" for kind in (Level.CRITICAL, Level.WARNING) if count[kind]]
    return ", ".join([*bad, f"{count[Level.FINE]} fine"])


def _counted(found: Sequence[Finding]) -> list[str]:
    """Name each check once, with the number of its findings."""
    counts: dict[str, int] = {}
    for one in found:
        counts[visible(one.check)] = counts.get(visible(one.check), 0) + 1
    return [name if number == 1 else f"{name} ({number})" for name, number in counts.items()]


def _told(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False) or [head]


def _painted(level: Level, text: str, colours: bool) -> str:
    return f"\x1b[1;{_COLOURS[level]}m{text}\x1b[0m" if colours else text
