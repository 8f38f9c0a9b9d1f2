"""The interface on which AoE is spoken, as the kernel shows it."""

from __future__ import annotations

import time
from pathlib import Path

ROOT = Path("/")
_AGAIN = 0.25


def wait(name: str, mtu: int, vlan: int, seconds: float, root: Path = ROOT) -> str:
    """Wait until an interface is as promised. Returns what is wrong with it when the time is over, empty for nothing."""
    end = time.monotonic() + seconds
    while (wrong := problem(name, mtu, vlan, root)) and time.monotonic() < end:
        time.sleep(_AGAIN)
    return wrong


def problem(name: str, mtu: int, vlan: int, root: Path = ROOT) -> str:
    """Return what is wrong with an interface, empty when it is as promised. mtu: 0 when any will do. vlan: 0 for untagged."""
    folder = root / "sys/class/net" / name
    if not folder.is_dir():
        return (
            f"there is no interface {name}: does this machine have a card with the hardware address that the inventory names? "
            "'networkctl list' and 'ip -brief link' show what there is"
        )
    has = int((folder / "mtu").read_text())
    if mtu and has < mtu:
        return f"{name} has an MTU of {has}, and {mtu} is asked for: can the card do that? 'ip -detail link' shows its maxmtu"
    tag = _vlan(name, root)
    if tag != vlan:
        seen = f"the tag {tag}" if tag else "no tag"
        asked = f"the tag {vlan}" if vlan else "none"
        return f"{name} puts {seen} on its frames, and the inventory says {asked}: 'networkctl delete {name}' and run this again"
    try:
        carrier = (folder / "carrier").read_text().strip()
    except OSError:  # EINVAL while the interface is down
        return f"{name} is down: 'networkctl up {name}', and 'networkctl status {name}' says why"
    if carrier != "1":
        return f"{name} has no carrier: is the cable in, and the switch on?"
    return ""


def _vlan(name: str, root: Path) -> int:
    try:
        lines = (root / "proc/net/vlan" / name).read_text().splitlines()
    except OSError:
        return 0
    words = lines[0].split()
    return int(words[words.index("VID:") + 1])


def own_address(name: str, root: Path = ROOT) -> str:
    """Return its hardware address."""
    return (root / "sys/class/net" / name / "address").read_text().strip()
