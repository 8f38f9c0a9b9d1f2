"""Sets of databases. A set is a directory that never changes once it is in use; the link `active` names the one that clamd reads."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from . import databases
from .settings import Settings


def active(settings: Settings) -> str:
    """Return the name of the set in use; nothing when there is none."""
    try:
        target = settings.active.readlink()
    except OSError:
        return ""
    return target.name if (settings.active / databases.OURS).is_file() else ""


def new_identity() -> str:
    """Return a name for a set: when it was made, and something that no other has."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + secrets.token_hex(4)


def build(settings: Settings, identity: str, files: Mapping[str, Path]) -> Path:
    """Make the directory of a set that is not in use yet.

    files: name in the set to where the content lies. What already is part of a set is linked, all else copied, so that no program that
    fetches can change it afterwards.
    """
    directory = settings.sets / f"{identity}.new"
    directory.mkdir(parents=True)
    for name, source in files.items():
        target = directory / name
        if source.is_relative_to(settings.sets):
            target.hardlink_to(source)
        else:
            shutil.copyfile(source, target)
            target.chmod(0o640)
    ours = directory / databases.OURS
    ours.write_text(databases.ours(identity), encoding="ascii")
    ours.chmod(0o640)
    return directory


def activate(settings: Settings, identity: str) -> None:
    """Put a set that was built into use, at once and as a whole: rename(2) replaces the link."""
    directory = settings.sets / identity
    (settings.sets / f"{identity}.new").rename(directory)
    # After a power cut the link must not name a set whose files were never written.
    os.sync()
    link = settings.home / ".active.new"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("sets") / identity)
    link.replace(settings.active)


def prune(settings: Settings) -> None:
    """Remove all sets but the one in use and the one before it (which clamd may still be reading), and what an interrupted run left."""
    current = active(settings)
    finished = sorted(path.name for path in settings.sets.iterdir() if not path.name.endswith(".new"))
    keep = {current, *[name for name in finished if name < current][-1:]}
    for path in settings.sets.iterdir():
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)
