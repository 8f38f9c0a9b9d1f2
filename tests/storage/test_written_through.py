"""What a shelf answers is on its disk: AoE has no flush, and whoever writes there believes the first answer."""

from __future__ import annotations

import os

from frontdoor.landscape import Machine
from tests.laboratory import Lab

#: Of every file that a vblade has open: its path, and the flags with which it was opened, in octal (proc(5), fdinfo).
LOOK = "readlink $file; grep flags /proc/$one/fdinfo/${file##*/}"
OPEN = "for one in $(pidof vblade); do for file in /proc/$one/fd/*; do echo $(" + LOOK + "); done; done"


def test_every_lun_is_written_through_to_its_disk(lab: Lab, shelf: Machine) -> None:
    """Cutting a container's power would not show it: its files outlive it in this host's cache."""
    luns = {lun["path"] for lun in lab.inventory.everywhere("shelf_luns") if lun.get("synced", True)}
    flags = {path: int(octal, 8) for path, _, octal in map(str.split, lab.run(shelf.name, OPEN).splitlines()) if path in luns}
    assert set(flags) == luns
    assert all(flag & os.O_SYNC == os.O_SYNC for flag in flags.values()), flags
