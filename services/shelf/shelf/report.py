"""How LUNs are, for people and for the status page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .network import NetworkError, card
from .settings import Lun, Settings, in_bytes

_DOWN = "ip link; journalctl -u posthouse-shelf-network -e says why; systemctl restart posthouse-shelf-network tries again"
_AWAY = "is its disk in and mounted? systemctl restart posthouse-vblade@{address} exports it again (docs/shelf.md)"
_ROOM = "make room there or move a LUN: a write that finds none is an error to who uses it (docs/shelf.md)"

_LITTLE = 256 << 20


def report(settings: Settings, root: Path = Path("/")) -> dict[str, Any]:
    """Look at interface, LUNs and the room they may still take; return findings: about, level, says, remedy, figures."""
    findings = [_interface(settings, root), *(_lun(lun) for lun in settings.luns), *_room(settings)]
    return {"findings": findings}


def _interface(settings: Settings, root: Path) -> dict[str, Any]:
    here = root / "sys/class/net"
    try:
        mtu = int((here / settings.interface / "mtu").read_text())
        # What Open vSwitch makes has a carrier of its own, whatever the card's cable does.
        carrier = min(int((here / name / "carrier").read_text()) for name in (settings.interface, card(settings, root)))
    except (OSError, ValueError, NetworkError):
        return _finding("interface", "critical", f"LUNs are exported to nobody: {settings.interface} is not there or down", _DOWN)
    if not carrier:
        return _finding("interface", "critical", "LUNs are exported to nobody: the card has no cable", _DOWN)
    if mtu != settings.mtu:
        says = f"{settings.interface} carries packets of {mtu} bytes, not {settings.mtu}, so who uses LUNs may not reach them"
        return _finding("interface", "critical", says, _DOWN)
    return _finding("interface", "fine", f"{settings.interface} carries packets of {mtu} bytes", "")


def _lun(lun: Lun) -> dict[str, Any]:
    whose = f"LUN {lun.address}, of {', '.join(lun.machines) or 'nobody'},"
    try:
        size = Path(lun.path).stat().st_size
    except OSError as fault:
        says = f"{whose} cannot be read: {lun.path}: {fault.strerror}"
        return _finding(lun.address, "critical", says, _AWAY.format(address=lun.address))
    if not lun.device and size < in_bytes(lun.size):
        says = f"{whose} is smaller than the inventory says: {size} bytes, not {lun.size}"
        return _finding(lun.address, "warning", says, "playbooks/site.yml --tags shelf makes it grow")
    return _finding(lun.address, "fine", f"{whose} is there", "")


def _room(settings: Settings) -> list[dict[str, Any]]:
    """Files take room as they are written to; what they were promised together may be more than there is."""
    promised: dict[int, int] = {}
    where: dict[int, str] = {}
    for lun in settings.luns:
        if not lun.device:
            try:
                found = Path(lun.path).stat()
            except OSError:
                continue
            promised[found.st_dev] = promised.get(found.st_dev, 0) + max(0, found.st_size - found.st_blocks * 512)
            where.setdefault(found.st_dev, lun.path)
    findings = []
    for disk, wanted in promised.items():
        room = os.statvfs(where[disk])
        free = room.f_bavail * room.f_frsize
        folder = str(Path(where[disk]).parent)
        says = f"files of LUNs may grow by {wanted >> 20} MiB where {free >> 20} MiB are free ({folder})"
        level = (
            "critical" if wanted and free < min(wanted, 64 << 20) else "warning" if free * 100 < wanted * settings.room_percent else "fine"
        )
        findings.append(_finding(f"room {folder}", level, says, _ROOM, wanted=wanted, free=free))
    return findings


def _finding(about: str, level: str, says: str, remedy: str, **figures: int) -> dict[str, Any]:
    return {"about": about, "level": level, "says": says, "remedy": remedy if level != "fine" else "", "figures": figures}
