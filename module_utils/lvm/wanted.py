"""What is promised of devices, groups and volumes, and the sentences for promises that make no sense."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_UNITS = {"m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([mgt%])", re.IGNORECASE)
# lvm(8), VALID NAMES; a dot or dash at the head, "snapshot" and "pvmove" are LVM's own.
_NAME = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,62}")
_LASTING = ("/dev/disk/by-id/", "/dev/disk/by-path/", "/dev/disk/by-partuuid/", "/dev/mapper/")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Device:
    """A disk. node: where it is. erase: the consent, empty for none."""

    name: str
    node: str
    aoe: str = ""
    erase: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.node})"


@dataclass(frozen=True, slots=True)
class Group:
    """A volume group on devices, by their names."""

    name: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume and where it is mounted. amount: bytes, or with percent the share of its group."""

    name: str
    group: str
    path: str
    amount: Fraction
    percent: bool = False
    format: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()

    @property
    def node(self) -> str:
        """Where the volume is when it is active."""
        return f"/dev/{self.group}/{self.name}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of it."""

    system_id: str
    takes_over: tuple[str, ...]
    devices: dict[str, Device]
    groups: tuple[Group, ...]
    volumes: tuple[Volume, ...]


class WantedError(ValueError):
    """The promise itself cannot be kept; one sentence a line."""


def read(given: Mapping[str, Any]) -> Wanted:
    """Read the options of the module storage_volumes. Raises WantedError with everything that is wrong."""
    problems: list[str] = []
    if not given["devices"]:
        problems.append(
            "this machine is one with disks of its own, and the inventory names none: say storage_devices, "
            "or take it out of the group storage, and its data stays on the file system it is on"
        )
    devices = [_device(one, problems) for one in given["devices"]]
    groups = [Group(str(one.get("name")), tuple(map(str, one.get("devices") or ()))) for one in given["groups"]]
    volumes = [volume for one in given["volumes"] if (volume := _volume(one, problems))]
    problems += _clashes(devices, groups, volumes)
    if problems:
        raise WantedError("\n".join(problems))
    named = {device.name: device for device in devices}
    return Wanted(str(given["system_id"]), tuple(given["takes_over"]), named, tuple(groups), tuple(volumes))


def _device(given: Mapping[str, Any], problems: list[str]) -> Device:
    name, aoe, path = (str(given.get(key) or "") for key in ("name", "aoe", "path"))
    if bool(aoe) == bool(path):
        problems.append(f"device {name}: say either aoe (shelf and slot) or path")
    if path and not path.startswith(_LASTING):
        problems.append(f"device {name}: {path} may be another disk after the next boot; give its name below {' or '.join(_LASTING[:2])}")
    return Device(name, path or f"/dev/etherd/e{aoe}", aoe, str(given.get("erase") or ""))


def _volume(given: Mapping[str, Any], problems: list[str]) -> Volume | None:
    name = str(given.get("name"))
    match = _SIZE.fullmatch(str(given.get("size") or ""))
    path = str(given.get("path") or "").rstrip("/")
    if not path.startswith("/"):
        problems.append(f"volume {name}: {path or 'nothing'} is no path to mount it at")
    if not match:
        problems.append(f"volume {name}: {given.get('size')!r} is no size: 600m, 20g, 1.5t or 80%")
        return None
    amount, unit = Fraction(match[1]), match[2].lower()
    percent = unit == "%"
    if percent and not 0 < amount <= _MOST:
        problems.append(f"volume {name}: {given['size']} of a group is no share of it")
    words = (tuple(map(str, given.get(key) or ())) for key in ("format", "covers"))
    return Volume(name, str(given.get("group")), path, amount if percent else amount * _UNITS[unit], percent, *words)


def _clashes(devices: list[Device], groups: list[Group], volumes: list[Volume]) -> Iterator[str]:
    for what, names in (
        ("device", [device.name for device in devices]),
        ("device", [device.node for device in devices]),
        ("group", [group.name for group in groups]),
        ("mount point", [volume.path for volume in volumes]),
        ("volume", [volume.node for volume in volumes]),
        ("device in a group", [name for group in groups for name in group.devices]),
    ):
        yield from (f"{what} {name} stands there {count} times" for name, count in Counter(names).items() if count > 1)
    for name in [one.name for one in groups] + [one.name for one in volumes]:
        if not _NAME.fullmatch(name) or name.startswith(("snapshot", "pvmove")):
            yield f"{name} is no name that LVM takes: letters, digits, _ + . -"
    known = {device.name for device in devices}
    for group in groups:
        if not group.devices:
            yield f"group {group.name} lies on no device"
        yield from (f"group {group.name}: there is no device {name} in storage_devices" for name in group.devices if name not in known)
    for volume in volumes:
        if volume.group not in {group.name for group in groups}:
            yield f"volume {volume.name}: there is no group {volume.group} in storage_groups"
        above = [other.path for other in volumes if volume.path.startswith(f"{other.path}/")]
        yield from (f"volume {volume.name}: {volume.path} lies below {path}, which is another volume" for path in above)
