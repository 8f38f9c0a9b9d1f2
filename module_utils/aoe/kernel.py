"""The kernel's AoE driver: what it made of devices, and the few things one can tell it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .frames import Slot

_AGAIN = 0.2
ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A device as the driver shows it. state: up, down, and what else it adds; size in bytes; payload: bytes a frame."""

    state: str
    size: int
    interface: str
    payload: int


def node(slot: Slot) -> str:
    """Return the block device's path."""
    return f"/dev/etherd/e{slot}"


def state(slot: Slot, root: Path = ROOT) -> Kernel | None:
    """Return what the driver knows of a slot; None when it knows nothing."""
    folder = root / f"sys/block/etherd!e{slot}"
    try:
        size = int((folder / "size").read_text()) * 512
        up = (folder / "state").read_text().strip()
        interface = (folder / "netif").read_text().strip()
        payload = (folder / "payload").read_text().strip()
    except (OSError, ValueError):
        return None
    return Kernel(up, size, interface, int(payload) if payload.isdecimal() else 0)


def loaded(root: Path = ROOT) -> bool:
    """Whether the driver is there."""
    return (root / "sys/module/aoe").is_dir()


def discover(interface: str, root: Path = ROOT) -> None:
    """Let the driver ask who is there, on this interface and no other."""
    (root / "dev/etherd/interfaces").write_text(interface)
    (root / "dev/etherd/discover").write_text("discover")


def revalidate(slot: Slot, root: Path = ROOT) -> None:
    """Let the driver ask a device for its size anew: a LUN that grew is not noticed otherwise."""
    (root / "dev/etherd/revalidate").write_text(f"e{slot}")


def wait(slots: Sequence[Slot], interface: str, seconds: float, root: Path = ROOT) -> list[Slot]:
    """Wait for block devices of slots that answer. Returns those that did not come."""
    end = time.monotonic() + seconds
    discover(interface, root)
    while True:
        waiting = [slot for slot in slots if not ready(slot, root)]
        if not waiting or time.monotonic() > end:
            return waiting
        time.sleep(_AGAIN)


def ready(slot: Slot, root: Path = ROOT) -> bool:
    """Whether a device can be read."""
    known = state(slot, root)
    return known is not None and known.state.startswith("up") and known.size > 0 and (root / node(slot).lstrip("/")).exists()


def wait_for_size(slot: Slot, size: int, seconds: float, root: Path = ROOT) -> bool:
    """Let the driver ask for a device's size until it is that. Returns whether it is."""
    end = time.monotonic() + seconds
    while True:
        revalidate(slot, root)
        time.sleep(_AGAIN)
        known = state(slot, root)
        if known and known.size == size:
            return True
        if time.monotonic() > end:
            return False
