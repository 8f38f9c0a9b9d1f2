"""A machine with two disks, a group and a volume, as far as /sys, /proc and LVM's answers go."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.storage.storage.settings import Device, Group, Settings, Volume


class Machine:
    """Its files below a folder; what the kernel would change, a test changes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = Settings(
            machine="apollo",
            active=True,
            interface="aoe0",
            mtu=9000,
            devices=(Device("mail1", "1.0", "/dev/etherd/e1.0", "san1"), Device("mail2", "1.1", "/dev/etherd/e1.1")),
            groups=(Group("mail", ["mail1", "mail2"]),),
            volumes=(Volume("home", "mail", str(root / "home"), "/dev/mail/home"),),
            state=str(root / "state"),
            snapshots=str(root / "snapshots"),
        )
        for folder in ("state", "home"):
            (root / folder).mkdir()
        for name, content in {
            "proc/sys/kernel/random/boot_id": "boot-1",
            "sys/class/net/aoe0/mtu": "9000",
            "sys/class/net/aoe0/carrier": "1",
            "sys/class/net/aoe0/carrier_down_count": "0",
            "sys/class/block/etherd!e1.0/size": "2048",
            "sys/class/block/etherd!e1.0/payload": "8704",
            "sys/class/block/etherd!e1.1/size": "2048",
            "sys/class/block/etherd!e1.1/payload": "8704",
            "sys/class/block/dm-0/dm/name": "mail-home",
            "sys/class/block/dm-0/dm/suspended": "0",
            "sys/class/block/dm-0/dev": "253:0",
            "sys/class/block/dm-0/queue/discard_max_bytes": "0",
            "sys/class/block/dm-0/slaves/etherd!e1.0/x": "",
            "sys/class/block/dm-0/slaves/etherd!e1.1/x": "",
            "proc/self/mountinfo": f"70 28 253:0 / {root / 'home'} rw,noatime shared:1 - xfs /dev/mapper/mail-home rw,attr2",
        }.items():
            self.write(name, content)

    def write(self, name: str, content: str) -> None:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """The machine."""
    return Machine(tmp_path)
