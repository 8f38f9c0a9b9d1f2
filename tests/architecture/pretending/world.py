"""A shelf, two machines and what they do, in a file: the world of tests/architecture/test_failover_steps.py."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, TextIO

CARDS = {"10.143.0.24": "02:53:00:00:00:18", "10.143.0.25": "02:53:00:00:00:19"}
_HELD: list[TextIO] = []


def begin(folder: Path, **more: Any) -> None:
    """Have apollo run at home, alone on its LUN. more: old (how its machine is: well, hangs, dead), ends_at (the act that fails)."""
    world = {"cards": [CARDS["10.143.0.24"]], "active": ["10.143.0.24"], "acts": [], "wrong": [], "old": "well", "ends_at": 0}
    write(folder, world | more)


def read(folder: Path) -> dict[str, Any]:
    """Return the world."""
    found: dict[str, Any] = json.loads((folder / "world.json").read_text())
    return found


def write(folder: Path, world: dict[str, Any]) -> None:
    """Keep it."""
    (folder / "world.json").write_text(json.dumps(world))


def act(what: str, where: str = "") -> dict[str, Any]:
    """Write an act down, and end here when this is where the run is to end. Returns the world."""
    folder = Path(os.environ["POSTHOUSE_PRETEND"])
    # Machines act at the same time, each in a process that ends with its act; until then the world is its.
    if not _HELD:
        _HELD.append((folder / "lock").open("w"))
        fcntl.flock(_HELD[0], fcntl.LOCK_EX)
    world = read(folder)
    world["acts"].append(f"{what} {where}".strip())
    write(folder, world)
    if world["ends_at"] and len(world["acts"]) >= world["ends_at"]:
        raise RuntimeError("the run ends here")
    return world


def keep(world: dict[str, Any]) -> None:
    """Keep what an act has changed."""
    write(Path(os.environ["POSTHOUSE_PRETEND"]), world)
