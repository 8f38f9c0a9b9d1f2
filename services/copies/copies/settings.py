"""What the service is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posthouse.settings import SettingsError, read, record


@dataclass(frozen=True, slots=True)
class Settings:
    """One TOML file. Sizes in bytes."""

    spool: str
    socket: str
    instance: str
    state: str
    store: str
    machines: list[str]
    copies: int = 1
    lifetime_days: int = 14
    #: Letters and bytes that may wait in the instance's queue; more wait in the spool, where they cost a name each.
    queue_letters: int = 1000
    queue_bytes: int = 256 << 20
    #: With less room on the spool's file system, copies of what people have deleted are given up, so that mail still finds room.
    spool_room: int = 1 << 30
    late_minutes: int = 30
    stuck_minutes: int = 1440
    #: How long status speaks of what could not be copied.
    memory_hours: int = 48


def load(path: Path) -> Settings:
    """Read the file. Raises SettingsError."""
    settings = record(Settings, read(path), str(path))
    if not settings.machines:
        raise SettingsError(f"{path}: machines is empty, so there is nobody to hand copies to")
    if not 1 <= settings.copies <= len(settings.machines):
        raise SettingsError(f"{path}: copies has to be between 1 and the number of machines, {len(settings.machines)}")
    if not settings.lifetime_days:
        raise SettingsError(f"{path}: lifetime_days has to be 1 or more")
    return settings
