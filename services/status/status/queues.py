"""The queues of Postfix: how much, how old, and what for (postqueue(1), -j)."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from .findings import Finding, Level, duration
from .machine import asked
from .settings import Queue


def look(queue: Queue, patience: float) -> list[Finding]:
    """Ask one instance for its queue."""
    status, said, fault = asked(["postqueue", "-c", queue.configuration, "-j"], patience)
    if status:
        # Its last line is the reason; those before are warnings.
        reason = (fault.splitlines() or [f"status {status}"])[-1]
        return [
            _finding(queue, Level.CRITICAL, f"the queue of {queue.name} cannot be read: {reason}", "postmulti -p status shows which run")
        ]
    return judge(queue, said.splitlines(), time.time())


def judge(queue: Queue, lines: Iterable[str], now: float) -> list[Finding]:
    """Judge what waits in a queue, and what somebody or something holds there."""
    waiting: list[float] = []
    held: list[float] = []
    reasons: Counter[str] = Counter()
    for line in lines:
        letter = json.loads(line)
        if letter["queue_name"] == "hold":
            held.append(letter["arrival_time"])
            continue
        waiting.append(letter["arrival_time"])
        reasons.update({recipient["delay_reason"] for recipient in letter["recipients"] if recipient.get("delay_reason")})
    age = now - min(waiting, default=now)
    says = f"{_letters(waiting, 'wait')} in {queue.name}{_for(waiting, now)}" if waiting else f"{queue.name} is empty"
    if reasons:
        reason, often = reasons.most_common(1)[0]
        says += f"; {often} because: {reason}"
    found = [
        _finding(
            queue,
            max(queue.minutes.above(age / 60) if waiting else Level.FINE, queue.letters.above(len(waiting))),
            says,
            f"postqueue -c {queue.configuration} -p lists them with reasons; when those are mended, postqueue -c {queue.configuration} -f",
            letters=len(waiting),
            oldest=round(age),
            held=len(held),
        )
    ]
    if held:
        found.append(
            Finding(
                "held",
                queue.name,
                Level.WARNING,
                f"{_letters(held, 'are held', 'is held')} in {queue.name}{_for(held, now)}",
                f"look at them (held list; postcat -c {queue.configuration} -qb ID), then release or delete them",
                {"held": len(held), "oldest": round(now - min(held))},
            )
        )
    return found


def _letters(some: Sequence[float], verb: str, single: str = "waits") -> str:
    return f"{len(some)} letters {verb}" if len(some) > 1 else f"a letter {single}"


def _for(some: Sequence[float], now: float) -> str:
    return f"{', the oldest' if len(some) > 1 else ''} for {duration(now - min(some))}"


def _finding(queue: Queue, level: Level, says: str, remedy: str, **figures: int) -> Finding:
    return Finding("queue", queue.name, level, says, remedy, figures)
