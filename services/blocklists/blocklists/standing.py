"""Whether a list is used: what checks and people make of it over time. Pure; no clock, no network."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from .health import Kind, Verdict

CHECK, OPERATOR = "check", "operator"


@dataclass(frozen=True, slots=True)
class Standing:
    """One list. since, checked: seconds since 1970. by: who took it out. failures, successes: checks in a row."""

    zone: str
    out: bool = False
    by: str = ""
    reason: str = ""
    since: float = 0.0
    failures: int = 0
    successes: int = 0
    checked: float = 0.0
    verdict: str = "never checked"
    fault: str = ""
    milliseconds: int = 0

    def told(self) -> dict[str, Any]:
        """As people and programs are told."""
        return asdict(self)


def restored(zone: str, told: dict[str, Any] | None) -> Standing:
    """Read a standing back; a new one when there is none, or what is there is of no use."""
    known = {name: told[name] for name in Standing.__slots__ if name in told} if isinstance(told, dict) else {}
    return Standing(**{**known, "zone": zone})


def after_check(standing: Standing, verdict: Verdict, now: float, failures: int, recoveries: int) -> Standing:
    """Count a verdict: a dead list goes after some, one that lists the world at once; either comes back after some good ones in a row."""
    fine = verdict.kind is Kind.FINE
    seen = replace(
        standing,
        checked=now,
        verdict=str(verdict.kind),
        fault=verdict.reason,
        milliseconds=verdict.milliseconds,
        failures=0 if fine else standing.failures + 1,
        successes=standing.successes + 1 if fine else 0,
    )
    if not seen.out and (verdict.kind is Kind.WORLD or seen.failures >= failures):
        return replace(seen, out=True, by=CHECK, reason=f"{verdict.kind}: {verdict.reason}", since=now, successes=0)
    if seen.out and seen.by == CHECK and seen.successes >= recoveries:
        return replace(seen, out=False, by="", reason="", since=now)
    return seen


def taken_out(standing: Standing, reason: str, now: float) -> Standing:
    """A person takes a list out; only a person puts it back."""
    return replace(standing, out=True, by=OPERATOR, reason=reason, since=standing.since if standing.out else now, successes=0)


def put_back(standing: Standing, now: float) -> Standing:
    """A person puts a list back; the next checks judge it anew."""
    return replace(standing, out=False, by="", reason="", since=now if standing.out else standing.since, failures=0, successes=0)
