"""What a service remembers between runs: one small file, replaced whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import disk


def read(path: Path) -> dict[str, Any]:
    """Read the file; an empty mapping when there is none, or it is damaged: the next run writes it anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: Mapping[str, Any], mode: int = 0o644) -> None:
    """Replace the file. mode: whatever the umask says."""
    disk.replace(path, (json.dumps(content, indent=1) + "\n").encode(), mode)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only one who changes what is in a folder. Others cannot open the lock: any program could hold it for ever."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
