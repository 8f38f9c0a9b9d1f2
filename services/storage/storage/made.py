"""What this machine has made, by which a run knows that an empty disk is not a new one."""

from __future__ import annotations

from pathlib import Path

from posthouse.state import alone, read, write

from .settings import Settings

_FILE = "made.json"


def abandon(settings: Settings, group: str, check: bool = False) -> list[str]:
    """Forget a group and its volumes, so that a run may make them anew. Returns what was forgotten; nothing when nobody knew it.

    check: only say so.
    """
    folder = Path(settings.state)
    with alone(folder):
        made = read(folder / _FILE)
        gone = [name for name in made if name.split("/")[0] == group]
        if gone and not check:
            write(folder / _FILE, {name: identity for name, identity in made.items() if name not in gone})
    return sorted(gone)
