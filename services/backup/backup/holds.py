"""Of whom nothing is culled, and why."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from posthouse.text import visible

from .settings import Hold, Settings


def held(settings: Settings, now: datetime) -> dict[str, Hold]:
    """Return who is held at a moment, by name, with the hold that lasts longest."""
    found: dict[str, Hold] = {}
    for hold in settings.holds:
        if not hold.counts(now):
            continue
        for uid in hold.people:
            other = found.get(uid.lower())
            if other is None or hold.until is None or (other.until is not None and other.until < hold.until):
                found[uid.lower()] = hold
    return found


def is_held(settings: Settings, uid: str, now: datetime) -> bool:
    """Say whether nothing of somebody's may be culled. uid: in any case, as directories compare it."""
    return uid.lower() in held(settings, now)


def add(subparsers: Any) -> None:
    """Make the subcommand."""
    parser = subparsers.add_parser("holds", help="say of whom nothing is culled, and why")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    rows = [
        {
            "person": uid,
            "here": settings.person(uid).is_dir(),
            "reason": hold.reason,
            "until": hold.until.isoformat() if hold.until else None,
            "counts": hold.counts(now),
        }
        for hold in settings.holds
        for uid in hold.people
    ]
    if given.json:
        print(json.dumps({"holds": rows}))
        return 0
    for row in rows:
        until = str(row["until"] or "")
        state = (f"until {until}" if until else "for good") if row["counts"] else f"over since {until}"
        where = "" if row["here"] else "  (nothing of theirs is here)"
        print(f"{visible(str(row['person'])):20} {state:32} {visible(str(row['reason']))}{where}")
    if not rows:
        print("nobody is held (backup_holds in the inventory)")
    return 0
