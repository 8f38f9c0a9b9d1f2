"""What an operator wants to know of backups: when each job last did its work, what it found, and whether there is room.

It looks at records and at the disk, and asks nobody, so that it answers at once whatever is away.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from posthouse.text import visible

from . import jobs
from .holds import held
from .settings import Settings

FINE, WARNING, CRITICAL = "fine", "warning", "critical"
_ORDER = (FINE, WARNING, CRITICAL)
#: Written when the role came to this machine: before the first night there can be no record.
INSTALLED = "installed"
_NAMES = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """As services/status has it: about what, how bad, a sentence, what to do, and the numbers for programs."""

    about: str
    level: str
    says: str
    remedy: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)


def findings(settings: Settings, now: float) -> list[Finding]:
    """Say how backups on this machine are, the worst first."""
    folder = settings.home / "state"
    try:
        born = (folder / INSTALLED).stat().st_mtime
    except OSError:
        born = 0.0
    parts: list[Callable[[Settings, _Record], Iterator[Finding]]] = [_drill, _mirror, _cull, _state]
    names = [jobs.DRILL, jobs.MIRROR, jobs.CULL, jobs.STATE]
    found = [
        one for part, name in zip(parts, names, strict=True) for one in part(settings, _Record(name, jobs.read(folder, name), born, now))
    ]
    found += [*_room(settings), _held(settings, now)]
    return sorted(found, key=lambda one: -_ORDER.index(one.level))


@dataclass(frozen=True, slots=True)
class _Record:
    """What is known of a job."""

    name: str
    known: Mapping[str, Any]
    born: float
    now: float

    @property
    def detail(self) -> Mapping[str, Any]:
        found = self.known.get("detail")
        return found if isinstance(found, dict) else {}

    @property
    def age(self) -> float:
        """Seconds since it last ended well, or since there could have been a first time."""
        return max(0.0, self.now - (self.known.get("fine") or self.born))

    @property
    def fault(self) -> str:
        return str(self.known.get("fault", "")) if self.known.get("state") == "failed" else ""

    @property
    def ended(self) -> str:
        return duration(self.now - self.known.get("ended", self.now))

    def count(self, name: str) -> int:
        return int(self.detail.get(name) or 0)


def _judged(about: str, hours: Sequence[int], record: _Record, noun: str, remedy: str, tells: str = "") -> Finding:
    """Judge a job by its age and by how it ended last. noun: as in "the last NOUN". tells: what it did, when all is well."""
    level = CRITICAL if record.age >= hours[1] * 3600 else WARNING if record.age >= hours[0] * 3600 else FINE
    ever = bool(record.known.get("fine"))
    if record.fault and record.fault != jobs.NOBODY:
        level = max(level, WARNING, key=_ORDER.index)
        before = f"the last good one was {duration(record.age)} ago" if ever else "none has been good yet"
        says = f"the last {noun}, {record.ended} ago, was not good: {record.fault}; {before}"
    elif ever:
        says = f"the last {noun} was good, {duration(record.age)} ago" + (f": {tells}" if tells else "")
    else:
        says = f"there has been no {noun} yet, for {duration(record.age)}" + (f": {record.fault}" if record.fault else "")
    return Finding(about, level, says, remedy if level != FINE else "", {"hours": round(record.age / 3600, 1)})


def _drill(settings: Settings, record: _Record) -> Iterator[Finding]:
    wrong = [visible(str(one)) for one in record.detail.get("wrong", [])]
    remedy = "backup drill tries again; journalctl -u posthouse-backup-drill -e says more (docs/drill.md)"
    if wrong:
        remedy = f"backup drill --person {wrong[0]} looks at all of theirs; docs/drill.md says how what is damaged is made whole"
    tells = ", ".join(f"{record.count(name)} {word}" for name, word in (("people", "people"), ("letters", "letters"), ("copies", "copies")))
    yield _judged("drill", settings.drill_hours, record, "drill", remedy, tells)
    if wrong:
        lost = record.count("lost")
        what = f"{lost} letters in the backup are damaged or missing" if lost else "what came back is not as it was"
        says = f"{what}, of {_some(wrong, len(wrong))}; the first: {_first(record.detail.get('faults'))}"
        yield Finding("damage", CRITICAL if lost else WARNING, says, remedy, {"letters": lost, "people": len(wrong)})


_WHY = "backup mirror --person NAME says why"
#: Of the mirror run's detail: people by name with a reason, how bad that is, a sentence and what to do.
_BEHIND = (
    ("another", CRITICAL, "people have another mailbox than the one that was mirrored", "restore it, or take the new one (docs/mirror.md)"),
    ("without", WARNING, "people have no mirror yet", _WHY),
    ("late", WARNING, "people were last mirrored more than two days ago", _WHY),
    ("unknown", WARNING, "people are in the directory, and their mailstore does not know them", "doveadm user NAME on the mailstore"),
    ("refused", WARNING, "people cannot be backed up", "give them a uid that can be a folder's name, and a mailHost that is a mailstore"),
)


def _mirror(settings: Settings, record: _Record) -> Iterator[Finding]:
    remedy = "systemctl start posthouse-backup-mirror goes on where it stopped; journalctl -u posthouse-backup-mirror -e says why it did"
    tells = f"{record.count('passed')} of {record.count('people')} people"
    yield _judged("mirror", settings.mirror_hours, record, "mirror run", remedy, tells)
    for name, level, words, what in _BEHIND:
        known = record.detail.get(name)
        known = known if isinstance(known, dict) else {}
        if count := record.count(f"{name}_count") or len(known):
            first = next(iter(known.items()), None)
            why = f" ({visible(str(first[0]))}: {visible(str(first[1]))})" if first and first[1] else ""
            says = f"{count} {words}: {_some([visible(one) for one in known], count)}{why}"
            yield Finding(f"mirror {name}", level, says, what, {"people": count})
    if left := record.count("not_reached"):
        says = f"there was no time for {left} people; the next run begins with them"
        yield Finding("mirror not reached", WARNING, says, "more at once, a higher rate or longer hours (backup_mirror_…, docs/mirror.md)")


def _cull(settings: Settings, record: _Record) -> Iterator[Finding]:
    remedy = "systemctl start posthouse-backup-cull; journalctl -u posthouse-backup-cull -e says why"
    yield _judged("cull", settings.cull_hours, record, "cull", remedy, f"{record.count('removed')} letters went")


def _state(settings: Settings, record: _Record) -> Iterator[Finding]:
    if not settings.state_machines:
        return
    remedy = "backup state fetch says why; site-state status on the machine says whether it seals (docs/site_state.md)"
    yield _judged("state", settings.state_hours, record, "fetch of the site's state", remedy)
    sources = record.detail.get("sources")
    for name, one in sources.items() if isinstance(sources, dict) else ():
        newest, fault = float(one.get("newest") or 0), str(one.get("fault") or "")
        age = record.now - (newest or record.born)
        hours = one.get("hours") or settings.state_hours
        level = CRITICAL if age >= hours[1] * 3600 else WARNING if fault or age >= hours[0] * 3600 else FINE
        says = f"what is kept of {visible(name)} is {duration(age)} old" if newest else f"nothing of {visible(name)} is kept yet"
        about = f"state {visible(name)}"
        yield Finding(
            about, level, says + (f"; {visible(fault)}" if fault else ""), remedy if level != FINE else "", {"hours": round(age / 3600, 1)}
        )


def _room(settings: Settings) -> Iterator[Finding]:
    try:
        disk = os.statvfs(settings.home)
    except OSError as fault:
        yield Finding("room", CRITICAL, f"{settings.home} cannot be looked at: {fault}", f"is the disk of {settings.home} mounted?")
        return
    free, least = disk.f_bavail * disk.f_frsize, settings.minimum_free
    inodes = 100 * disk.f_favail // disk.f_files if disk.f_files else 100
    remedy = "give it room, keep copies for fewer days (backup_days), or add a backup machine (docs/backup.md)"
    says, level = f"{free >> 20} MB and {inodes} % of the inodes are free", FINE
    if free < 2 * least:
        level, says = CRITICAL, f"{says}: mirrors, restores and drills stop below {2 * least >> 20} MB"
        says += ", and copies are put off now" if free < least else ", so that there is room for copies"
    elif free < 3 * least or inodes < 5:
        level = WARNING
    yield Finding("room", level, says, remedy if level != FINE else "", {"free": free, "inodes": inodes})


def _held(settings: Settings, now: float) -> Finding:
    count = len(held(settings, datetime.fromtimestamp(now, UTC)))
    return Finding("holds", FINE, f"nothing is culled of {count} people" if count else "nobody is held", "", {"people": count})


def _some(names: Sequence[str], count: int) -> str:
    shown = ", ".join(names[:_NAMES])
    return shown + (f" and {count - _NAMES} more" if count > _NAMES else "")


def _first(faults: Any) -> str:
    return visible(str(faults[0])) if isinstance(faults, list) and faults else "not told"


def duration(seconds: float) -> str:
    """A length of time in words that people use."""
    for unit, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {word}"
    return f"{seconds:.0f} seconds"


def add(subparsers: Any) -> None:
    """Make the subcommand."""
    epilog = "Exit codes: 0 all is fine; 1 something is a warning or critical; 2 wrong use or configuration."
    parser = subparsers.add_parser(
        "status", help="say when each job last did its work, and what is wrong", description=__doc__, epilog=epilog
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    found = findings(settings, time.time())
    if given.json:
        print(json.dumps({"findings": [asdict(one) for one in found]}))
    for one in [] if given.json else found:
        print(f"{one.level.upper():9} {one.about:16} {one.says}")
        if one.remedy:
            print(f"{'':26} → {one.remedy}")
    return int(any(one.level != FINE for one in found))
