"""Tells disks what file systems no longer use, where disks want to know."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from . import kernel
from .programs import ENVIRONMENT
from .settings import Settings

_SYSTEM = Path("/")

Run = Callable[[Sequence[str]], tuple[int, str]]


def run(words: Sequence[str]) -> tuple[int, str]:
    """Run a command; return its exit code and what it said."""
    found = subprocess.run(
        words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=ENVIRONMENT
    )
    return found.returncode, found.stdout.strip()


def trim(settings: Settings, tell: Callable[[str], None], check: bool = False, execute: Run = run, system: Path = _SYSTEM) -> bool:
    """Trim every volume; return whether none failed. AoE has no such command: there, nothing is done and that is said."""
    fine = True
    for volume in settings.volumes:
        here = kernel.mapped(volume, system)
        limit = here / "queue/discard_max_bytes" if here else None
        if limit is None or not limit.exists():
            tell(f"{volume.name} is not active")
        elif not int(limit.read_text()):
            tell(f"{volume.name}: its disks take no TRIM, as those of AoE do not")
        elif check:
            tell(f"{volume.name} would be trimmed")
        else:
            code, said = execute(["fstrim", "--verbose", volume.path])
            tell(said)
            fine = fine and not code
    return fine
