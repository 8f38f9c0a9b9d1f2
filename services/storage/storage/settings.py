"""What the service is told of a machine's disks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record


@dataclass(frozen=True, slots=True)
class Device:
    """A disk. aoe: shelf and slot as "1.0", empty for any other. node: where the kernel shows it."""

    name: str
    aoe: str
    node: str


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
    units: list[str] = field(default_factory=list)
    devices: tuple[Device, ...] = ()
    groups: tuple[Group, ...] = ()
    volumes: tuple[Volume, ...] = ()


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
    known = {device.name for device in settings.devices}
    for group in settings.groups:
        if strangers := [name for name in group.devices if name not in known]:
            raise SettingsError(f"{path}: group {group.name} names the device {strangers[0]}, which is not among devices")
    return settings
