"""What the kernel says of disks and file systems: its log, and its description of who lies on whom."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .settings import Device, Settings, Volume

_SYSTEM = Path("/")
LOG = Path("/dev/kmsg")
_BLOCK = re.compile(r"error, dev (?P<disk>\S+), sector (?P<sector>\d+) op 0x[0-9a-f]+:\((?P<what>\w+)\)")
_BUFFER = re.compile(r"Buffer I/O error on dev (?P<disk>[^,]+), logical block (?P<sector>\d+)")
_ATA = re.compile(r"ata error cmd=\S+ stat=\S+ from e(?P<aoe>\d+\.\d+)")
_XFS = re.compile(r"XFS \((?P<disk>[^)]+)\): (?P<says>.*)")
#: Of what XFS says, what nobody may overlook.
_ALARMING = re.compile(r"error|corrupt|shut|xfs_repair|bad magic|verifier", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One line of the kernel about one disk. moment: seconds since the epoch; sector: -1 when it names none."""

    disk: str
    what: str
    sector: int
    moment: float
    text: str


def understood(line: str, moment: float) -> Complaint | None:
    """Return what a line of the kernel's log complains of, or None when that is no disk."""
    for pattern in (_BLOCK, _BUFFER):
        if found := pattern.search(line):
            what = found.groupdict().get("what") or "I/O"
            return Complaint(found["disk"].strip(), what, int(found["sector"]), moment, line)
    if found := _ATA.search(line):
        return Complaint(f"etherd/e{found['aoe']}", "ATA", -1, moment, line)
    if (found := _XFS.search(line)) and _ALARMING.search(found["says"]):
        return Complaint(found["disk"], "XFS", -1, moment, found["says"])
    return None


def opened(log: Path = LOG) -> int:
    """Open the kernel's log; who keeps it open reads each record once. Raises OSError."""
    return os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def complaints(after: int, handle: int) -> tuple[list[Complaint], int]:
    """Read the kernel's log on, beyond this record; return what it complains of, and the number of its last record."""
    now, since_boot = time.time(), time.clock_gettime(time.CLOCK_MONOTONIC)
    found = []
    for record in _records(handle):
        head, _, text = record.partition(";")
        _, number, microseconds = head.split(",")[:3]
        if int(number) > after:
            after = int(number)
            line = text.partition("\n")[0]
            if one := understood(line, now - since_boot + int(microseconds) / 1e6):
                found.append(one)
    return found, after


def _records(handle: int) -> Iterator[str]:
    """Each read gives one record; one that was overwritten meanwhile is an error EPIPE (dev-kmsg in the kernel's ABI)."""
    while True:
        try:
            record = os.read(handle, 16384)
        except OSError as fault:
            if fault.errno == errno.EPIPE:
                continue
            return
        if not record:
            return
        yield record.decode("utf-8", "replace")


def boot(system: Path = _SYSTEM) -> str:
    """Return what tells this start of the machine from others."""
    return (system / "proc/sys/kernel/random/boot_id").read_text().strip()


def block(device: Device, system: Path = _SYSTEM) -> Path | None:
    """Return the device's directory below /sys, or None when the kernel does not have it."""
    if device.aoe:
        here = system / "sys/class/block" / f"etherd!e{device.aoe}"
    else:
        try:
            number = (system / device.node.lstrip("/")).stat().st_rdev
        except OSError:
            return None
        here = system / "sys/dev/block" / f"{os.major(number)}:{os.minor(number)}"
    return here.resolve() if here.exists() else None


def mapped(volume: Volume, system: Path = _SYSTEM) -> Path | None:
    """Return the volume's directory below /sys, or None while it is not active."""
    wanted = f"{volume.group.replace('-', '--')}-{volume.name.replace('-', '--')}"
    return next((here for here in (system / "sys/class/block").glob("dm-*") if name(here.name, system) == wanted), None)


def name(disk: str, system: Path = _SYSTEM) -> str:
    """Return what the device mapper calls a disk (dm-0); nothing for one that is none of its, or has just gone."""
    try:
        return (system / "sys/class/block" / disk.replace("/", "!") / "dm/name").read_text().strip()
    except OSError:
        return ""


def below(disk: str, system: Path = _SYSTEM) -> set[str]:
    """Return the disks under a disk, as the kernel names them: itself when it lies on none."""
    slaves = system / "sys/class/block" / disk.replace("/", "!") / "slaves"
    found = {one.name for one in slaves.iterdir()} if slaves.is_dir() else set()
    return set().union(*(below(one, system) for one in found)) if found else {disk.replace("!", "/")}


def lies_on(disk: str, settings: Settings, system: Path = _SYSTEM) -> list[Device]:
    """Return those of the machine's devices on which a disk of the kernel's (dm-0, etherd/e1.0) lies, or that it is."""
    names = below(disk, system)
    found = []
    for device in settings.devices:
        here = block(device, system)
        if (f"etherd/e{device.aoe}" if device.aoe else here and here.name) in names:
            found.append(device)
    return found
