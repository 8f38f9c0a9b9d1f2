"""What the shelf is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from posthouse.settings import SettingsError, read, record

_SIZE = re.compile(r"([1-9][0-9]*)([kmgtp]?)", re.IGNORECASE)
SECTOR = 512


@dataclass(frozen=True, slots=True)
class Lun:
    """One of the shelf's disks."""

    #: Such as "1.0".
    address: str
    path: str
    #: As it is written; empty for what has a size of its own.
    size: str = ""
    machines: list[str] = field(default_factory=list)
    #: Hardware addresses that it answers.
    cards: list[str] = field(default_factory=list)
    read_only: bool = False

    @property
    def device(self) -> bool:
        """Say whether it is a disk or volume, and no file."""
        return self.path.startswith("/dev/")


@dataclass(frozen=True, slots=True)
class Settings:
    """One TOML file; the one of the network names no LUNs, and the other one no card."""

    interface: str
    mtu: int
    card: str = ""
    vlan: int = 0
    tagging: str = "kernel"
    owner: str = "root"
    room_percent: int = 100
    state: str = "/var/lib/posthouse-shelf"
    luns: list[Lun] = field(default_factory=list)


def load(path: Path) -> Settings:
    """Read the file. Raises SettingsError."""
    found = read(path)
    luns = [record(Lun, one, f"{path}: luns") for one in found.pop("luns", [])]
    settings = record(Settings, {**found, "luns": luns}, str(path))
    for lun in luns:
        if lun.device and lun.size:
            raise SettingsError(f"{path}: LUN {lun.address} is a disk and has the size it has; take out its size")
        if not lun.device and not lun.size:
            raise SettingsError(f"{path}: LUN {lun.address} is a file and needs a size, such as 20g")
        try:
            in_bytes(lun.size or "512")
        except ValueError as fault:
            raise SettingsError(f"{path}: LUN {lun.address}: {fault}") from fault
    if settings.vlan > 4094:
        raise SettingsError(f"{path}: {settings.vlan} is no VLAN; there are 1 to 4094, and 0 for none")
    if not 576 <= settings.mtu <= 65535:
        raise SettingsError(f"{path}: packets of {settings.mtu} bytes carry no sector; mtu is 1500, or 9000 for jumbo frames")
    return settings


def in_bytes(size: str) -> int:
    """Return how many bytes "600m" are: letters are powers of 1024. Raises ValueError for what is no size or not whole sectors."""
    found = _SIZE.fullmatch(size)
    if not found:
        raise ValueError(f"{size} is no size, such as 600m or 20g")
    value = int(found[1]) << 10 * " kmgtp".index(found[2].lower() or " ")
    if value % SECTOR:
        raise ValueError(f"{size} is not a multiple of {SECTOR}, the size of a sector")
    return value
