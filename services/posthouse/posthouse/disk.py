"""Writing what has to be there after a loss of power, whole or as it was before."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put content at path in one step, on the disk when this returns. mode: whatever the umask says. Raises OSError; the old file stays."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # what a run that was killed left behind may have another mode
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode & 0o600), "wb") as stream:
        stream.write(content)
        os.fchmod(stream.fileno(), mode)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """See to it that a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
