"""Findings as the status page takes them, and the words in which disks are spoken of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from posthouse.text import visible

from .settings import Device

FINE, WARNING, CRITICAL = "fine", "warning", "critical"
_ORDER = (CRITICAL, WARNING, FINE)


def finding(about: str, level: str, says: str, remedy: str = "", **figures: int) -> dict[str, Any]:
    """Return one finding: about, level, says, remedy, figures."""
    return {"about": about, "level": level, "says": visible(says), "remedy": remedy if level != FINE else "", "figures": figures}


def worst_first(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return them in order of their level."""
    return sorted(found, key=lambda one: _ORDER.index(one["level"]))


def known_as(device: Device) -> str:
    """Return what people call a disk: e1.0 = mail1 on san1, or /dev/disk/by-id/x = mail1."""
    address = f"e{device.aoe}" if device.aoe else device.node
    return f"{address} = {device.name}" + (f" on {device.shelf}" if device.shelf else "")


def names(devices: Iterable[Device]) -> str:
    """Return what people call several disks."""
    return " and ".join(map(known_as, devices))


def moment(seconds: float) -> str:
    """Return a moment as people read it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
