"""Generations of sealed state: files that only an operator can open, and beside each a sheet that says what it is.

Whoever seals writes them, backup machines fetch them, the control node opens them (docs/site_state.md). A sheet may come from another
machine, so every value of it is looked at before anything is done with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import disk, state

STAMP = "%Y%m%dT%H%M%SZ"
#: However old they are, so many of the newest stay: a source that has fallen silent still has something to restore.
LEAST = 3
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_STAMPED = re.compile(r"\d{8}T\d{6}Z")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


class SheetError(ValueError):
    """What a sheet says cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What one sealed file is. size and sha256 are of the file as it lies there, plain is the size of what is in it."""

    machine: str
    name: str
    at: str
    size: int
    sha256: str
    plain: int
    seconds: float = 0.0

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}-{self.at}.age"

    @property
    def sheet(self) -> str:
        """The name of the file that says this."""
        return f"{self.name}-{self.at}.json"

    @property
    def time(self) -> float:
        """When it was sealed, in seconds since 1970."""
        return datetime.strptime(self.at, STAMP).replace(tzinfo=UTC).timestamp()


def parse(found: Any) -> Sheet:
    """Return the sheet that a JSON object is. Raises SheetError."""
    if not isinstance(found, dict) or (set(found) ^ {one.name for one in fields(Sheet)}):
        raise SheetError("a sheet has other fields than it should")
    texts = all(isinstance(found[name], str) for name in ("machine", "name", "at", "sha256"))
    numbers = all(type(found[name]) is int and found[name] >= 0 for name in ("size", "plain")) and type(found["seconds"]) in (int, float)
    if not texts or not numbers:
        raise SheetError("a sheet has values of another kind than it should")
    patterns = {"machine": _NAME, "name": _NAME, "at": _STAMPED, "sha256": _SHA256}
    for field, pattern in patterns.items():
        if not pattern.fullmatch(found[field]):
            raise SheetError(f"a sheet's {field} is not what one can be")
    sheet = Sheet(**found)
    try:
        sheet.time  # noqa: B018, because only this says whether there is such a day
    except ValueError as fault:
        raise SheetError("a sheet's time is none") from fault
    return sheet


def listed(folder: Path) -> list[Sheet]:
    """Return the generations in a folder, newest first. What is no sheet is passed over."""
    found = []
    for path in folder.glob("*.json"):
        try:
            sheet = parse(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
        if path.name == sheet.sheet:
            found.append(sheet)
    return sorted(found, key=lambda one: (one.at, one.name), reverse=True)


def digest(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a file."""
    size, summed = 0, hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            summed.update(block)
    return size, summed.hexdigest()


def wrong(path: Path, sheet: Sheet) -> str:
    """Return what is wrong with the file of a sheet; nothing when it is what was sealed."""
    try:
        size, summed = digest(path)
    except OSError as fault:
        return f"{sheet.file} cannot be read: {fault.strerror}"
    if size != sheet.size:
        return f"{sheet.file} has {size} bytes, not {sheet.size}: it is not whole"
    return "" if summed == sheet.sha256 else f"{sheet.file} has changed since it was sealed"


def stamp(folder: Path, name: str) -> str:
    """Return the time of a new generation, which no other of this name has."""
    while True:
        at = datetime.now(UTC).strftime(STAMP)
        if not (folder / f"{name}-{at}.age").exists():
            return at
        time.sleep(0.1)


def publish(folder: Path, sheet: Sheet, temporary: Path, mode: int = 0o640) -> None:
    """Give a file that is complete its name, and put its sheet beside it: the sheet comes last, so it never speaks of what is not there."""
    disk.sync(temporary)
    temporary.chmod(mode)
    temporary.replace(folder / sheet.file)
    state.write(folder / sheet.sheet, asdict(sheet), mode)
    disk.sync(folder)


def due(sheets: Sequence[Sheet], days: float, now: float) -> list[Sheet]:
    """Return those of one name that are older than days, but for the newest LEAST."""
    ordered = sorted(sheets, key=lambda one: one.at, reverse=True)
    return [one for one in ordered[LEAST:] if now - one.time > days * 86400]


def thin(folder: Path, days: float, now: float | None = None) -> list[str]:
    """Remove the generations of each name that have been kept long enough; return their files."""
    sheets, removed = listed(folder), []
    for name in sorted({one.name for one in sheets}):
        for sheet in due([one for one in sheets if one.name == name], days, time.time() if now is None else now):
            # The sheet goes first: what is half removed is not listed.
            (folder / sheet.sheet).unlink(missing_ok=True)
            (folder / sheet.file).unlink(missing_ok=True)
            removed.append(sheet.file)
    return removed
