"""How copies are, for people and for the status page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse.text import visible

from . import memory, spool
from .handing import AwayError, Queue, queue
from .settings import Settings

_HOUR = 3600.0
_WAIT = "postqueue -c {instance} -p says why letters wait; is the backup machine up, and has it room? (docs/double_delivery.md)"
_LOST = "the nightly mirror has what people have not deleted; journalctl -u posthouse-copies, and of dovecot, say which letters"
_NAMES = "such a name can be no folder's (docs/double_delivery.md); give the person another uid"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits, and since when; seconds since the epoch, 0 when nothing does."""

    spool: int
    oldest_in_spool: float
    queue: Queue


def report(settings: Settings, now: float | None = None) -> dict[str, Any]:
    """Look at spool and queue; return state, figures and findings: about, level (fine, warning, critical), says, remedy."""
    now = time.time() if now is None else now
    told = memory.told(Path(settings.state))
    try:
        found = spool.look(Path(settings.spool))
        # The first may be gone again meanwhile; its name tells the second.
        oldest = next((float(spool.second(one)) for one in found.letters if spool.second(one)), 0.0)
        waiting = Waiting(len(found.letters), oldest, queue(settings.instance))
    except (OSError, AwayError) as fault:
        broken = _finding("waiting", "critical", f"nobody can say what waits: {visible(str(fault))}", "systemctl status posthouse-copies")
        return {"state": "broken", "findings": [broken, *_remembered(settings, told, now)]}
    findings = [_waiting(settings, waiting, told, now), *_remembered(settings, told, now)]
    worst = max((("fine", "warning", "critical").index(one["level"]) for one in findings), default=0)
    return {
        "state": ("current", "late", "stuck")[worst] if findings[0]["level"] != "fine" else ("current", "incomplete", "incomplete")[worst],
        "spool": {"letters": waiting.spool, "oldest_seconds": _since(waiting.oldest_in_spool, now)},
        "queue": {"letters": waiting.queue.letters, "bytes": waiting.queue.size, "oldest_seconds": _since(waiting.queue.oldest, now)},
        "findings": findings,
    }


def _waiting(settings: Settings, waiting: Waiting, told: Mapping[str, Any], now: float) -> dict[str, str]:
    ages = [_since(one, now) for one in (waiting.oldest_in_spool, waiting.queue.oldest)]
    age = max(ages) / 60
    level = "critical" if age >= settings.stuck_minutes else "warning" if age >= settings.late_minutes else "fine"
    letters = waiting.spool + waiting.queue.letters
    if not letters:
        return _finding("waiting", level, "every copy is on its backup machine", "")
    reason = told["fault"]["what"] if told["fault"] else waiting.queue.reason
    says = f"{letters} {'copies wait' if letters > 1 else 'copy waits'} for a backup machine, the oldest for {_spoken(max(ages))}"
    says += f" (they wait {settings.lifetime_days} days at most)" if level != "fine" else ""
    return _finding("waiting", level, says + (f": {visible(str(reason))}" if reason else ""), _WAIT.format(instance=settings.instance))


def _remembered(settings: Settings, told: Mapping[str, Any], now: float) -> list[dict[str, str]]:
    since = now - settings.memory_hours * _HOUR
    found = []
    lost = [(at, what) for at, what in told["lost"] if at > since]
    if lost:
        says = f"{len(lost)} letters have no copy, the last one: {visible(str(lost[-1][1]))}"
        found.append(_finding("lost", "warning", says, _LOST))
    refused = {person: why for person, (why, at) in told["refused"].items() if at > since - _HOUR}
    if refused:
        first = min(refused)
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        found.append(_finding("people", "warning", f"{visible(first)}{more} can have no copies: as a name {refused[first]}", _NAMES))
    return found


def _finding(about: str, level: str, says: str, remedy: str) -> dict[str, str]:
    return {"about": about, "level": level, "says": says, "remedy": remedy}


def _since(moment: float, now: float) -> int:
    return max(0, round(now - moment)) if moment else 0


def _spoken(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {name}"
    return f"{round(seconds)} seconds"
