"""Whose a folder is: a name that becomes somebody else's does not show them the mail of who had it before."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from posthouse import state
from posthouse.text import visible

from .people import Person, everybody
from .settings import Settings

_log = logging.getLogger(__name__)
#: In a person's folder: the entry of the directory (entryUUID) that it belongs to, and since when the directory has it no more.
_FILE = "owner.json"
#: Between a name and the entry it belonged to; no person's name has it (posthouse.placement).
_FORMER = "@"
#: So many names may become other people's between two runs, or a tenth of all, if that is more.
_FEW = 5


def here(settings: Settings) -> list[str]:
    """Name the people of whom anything is on this machine, and who have their name still."""
    return sorted(one.name for one in _folders(settings) if _FORMER not in one.name)


def claim(settings: Settings, person: Person) -> None:
    """Say whose a person's folder is, before anything of theirs is written. What was another's is put aside, for its days.

    When many names have other entries at once nobody is put aside: it is the directory that was made anew, and its people are the same.
    Raises DirectoryAwayError.
    """
    folder = settings.person(person.uid)
    found = _read(folder)
    if not person.entry:
        return  # nothing is known, so nothing differs: an identity that may not read entryUUID sees none
    if found.get("entry", person.entry) != person.entry and not _made_anew(settings):
        _put_aside(folder, found)
        found = _give_back(folder, person.entry)
    if found != {"entry": person.entry}:
        folder.mkdir(mode=0o700, exist_ok=True)
        state.write(folder / _FILE, {"entry": person.entry}, 0o600)


def _put_aside(folder: Path, found: dict[str, Any]) -> None:
    aside = _aside(folder, found["entry"])
    while aside.exists():
        aside = aside.with_name(f"{aside.name}{_FORMER}")
    _log.warning("the name %s is somebody else's now: what was kept under it is in %s", visible(folder.name), visible(str(aside)))
    if "gone" not in found:
        state.write(folder / _FILE, {**found, "gone": _written(datetime.now(UTC))}, 0o600)
    with suppress(FileNotFoundError):  # another run was faster
        folder.rename(aside)


def _give_back(folder: Path, entry: str) -> dict[str, Any]:
    """Let somebody whose name is theirs again have what stands aside; return what is said of it."""
    aside = _aside(folder, entry)
    if not aside.is_dir() or folder.exists():
        return {}
    _log.warning("the name %s is theirs again who had it before: %s is given back", visible(folder.name), visible(str(aside)))
    aside.rename(folder)
    return _read(folder)


def _aside(folder: Path, entry: str) -> Path:
    return folder.with_name(f"{folder.name}{_FORMER}{entry}")


def _made_anew(settings: Settings) -> bool:
    """Say whether so many names have other entries that the directory was made anew; then all of them are believed, at once."""
    known = {one.uid: one.entry for one in everybody(settings, anywhere=True) if one.entry}
    changed, folders = {}, here(settings)
    for uid in folders:
        entry = _read(settings.person(uid)).get("entry")
        if uid in known and entry is not None and entry != known[uid]:
            changed[uid] = known[uid]
    if len(changed) <= _FEW or len(changed) * 10 <= len(folders):
        return False
    _log.warning("%d of %d people have another entryUUID: the directory was made anew, and nobody is put aside", len(changed), len(folders))
    for uid, entry in changed.items():
        state.write(settings.person(uid) / _FILE, {"entry": entry}, 0o600)
    return True


def remove_gone(
    settings: Settings, known: Iterable[str], held: Iterable[str], now: datetime, days: int, *, check: bool = False
) -> list[str]:
    """Remove what is kept of people whom the directory has no more, days after that was first seen; return their folders' names.

    known: everybody whom the directory has, wherever their mail is kept. held: those of whom nothing goes, in lower case.
    """
    present, kept, due = set(known), set(held), []
    for folder in _folders(settings):
        uid = folder.name.partition(_FORMER)[0]
        if folder.name in present:
            continue
        found = _read(folder)
        since = _moment(found.get("gone"))
        if since is None:
            if not check:
                state.write(folder / _FILE, {**found, "gone": _written(now)}, 0o600)
        elif now - since >= timedelta(days=days) and uid.lower() not in kept:
            due.append(folder)
    for folder in [] if check else due:
        # Renamed first, so that what a fault interrupts is no more taken for a person's.
        aside = folder.with_name(f".{folder.name}")
        folder.rename(aside)
        shutil.rmtree(aside)
        _log.info("removed what was kept of %s, whom the directory has had no more for %d days", visible(folder.name), days)
    return [one.name for one in due]


def _folders(settings: Settings) -> list[Path]:
    return sorted(one for one in (settings.home / "people").iterdir() if one.is_dir() and not one.name.startswith("."))


def _read(folder: Path) -> dict[str, Any]:
    return state.read(folder / _FILE)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
