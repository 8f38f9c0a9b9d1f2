"""What a service remembers between runs: one small file, replaced whole."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def read(path: Path) -> dict[str, Any]:
    """Read the file; an empty mapping when there is none, or it is damaged: the next run writes it anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: Mapping[str, Any], mode: int = 0o644) -> None:
    """Replace the file. mode: whatever the umask says."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # what a run that was killed left behind may have another mode
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode & 0o600), "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
        os.fchmod(stream.fileno(), mode)
    new.replace(path)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only one who changes what is in a folder. Others cannot open the lock: any program could hold it for ever."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
