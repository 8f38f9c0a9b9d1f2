"""What the service is told of a machine's disks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record

_SIZE = re.compile(r"([1-9][0-9]*)([kmgt]?)")


@dataclass(frozen=True, slots=True)
class Device:
    """A disk. aoe: shelf and slot as "1.0", empty for any other. node: where the kernel shows it. shelf: the machine that exports it."""

    name: str
    aoe: str
    node: str
    shelf: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A volume group and the names of its devices."""

    name: str
    devices: list[str]


@dataclass(frozen=True, slots=True)
class Volume:
    """A logical volume and where it is mounted."""

    name: str
    group: str
    path: str
    node: str


@dataclass(frozen=True, slots=True)
class Settings:
    """One TOML file."""

    #: The name by which LVM knows this machine.
    machine: str
    active: bool
    #: Where AoE is spoken, and the largest packet there; empty and 0 where it is not.
    interface: str = ""
    mtu: int = 0
    devices: tuple[Device, ...] = ()
    groups: tuple[Group, ...] = ()
    volumes: tuple[Volume, ...] = ()
    #: Where the service remembers, and where snapshots are mounted.
    state: str = "/var/lib/posthouse-storage"
    snapshots: str = "/run/posthouse-storage"
    #: How full a file system or a snapshot may be, for a warning and for what is critical.
    full_percent: list[int] = field(default_factory=lambda: [85, 95])
    #: Of its volume: what may be written while there is a snapshot.
    snapshot_percent: int = 20
    #: How long status speaks of what the kernel has complained of.
    complaint_hours: int = 24
    #: Bytes a second that a scrub reads, and after how many days without a whole one status speaks of it.
    scrub_rate: int = 20 << 20
    scrub_days: int = 45

    def paced(self, rate: int) -> Settings:
        """Return the same with another pace of scrubs."""
        return replace(self, scrub_rate=rate)


def load(path: Path) -> Settings:
    """Read the file. Raises SettingsError."""
    found = read(path)
    kinds: dict[str, type[Any]] = {"devices": Device, "groups": Group, "volumes": Volume}
    for name, kind in kinds.items():
        listed = found.get(name, [])
        if not isinstance(listed, list):
            raise SettingsError(f"{path}: {name} is no list of tables")
        found[name] = tuple(record(kind, one, f"{path}: {name}") for one in listed)
    settings = record(Settings, found, str(path))
    if len(settings.full_percent) != 2 or not 0 < settings.full_percent[0] <= settings.full_percent[1]:
        raise SettingsError(f"{path}: full_percent is a pair of numbers, the first for a warning, the second for what is critical")
    known = {device.name for device in settings.devices}
    for group in settings.groups:
        if strangers := [name for name in group.devices if name not in known]:
            raise SettingsError(f"{path}: group {group.name} names the device {strangers[0]}, which is not among devices")
    return settings


def in_bytes(text: str) -> int:
    """Return how many bytes "600m" are; letters are powers of 1024. Raises ValueError."""
    found = _SIZE.fullmatch(text.lower())
    if not found:
        raise ValueError(f"{text} is no size, such as 600m or 20g")
    return int(found[1]) << 10 * " kmgt".index(found[2] or " ")
