"""Read the one configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posthouse.settings import SettingsError, read, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told. Times are in seconds."""

    #: Dovecot's socket for authentication clients.
    dovecot: str
    #: Dovecot restarts in less than this; a login that comes meanwhile waits for it.
    patience: float = 5.0
    #: Nothing that either side says in one line is longer, in bytes.
    longest: int = 16384


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    found = record(Settings, read(path), str(path))
    if not found.dovecot.startswith("/"):
        raise SettingsError(f"{path}: dovecot is the path of a socket")
    return found
