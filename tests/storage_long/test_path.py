"""A disk that is no LUN of a shelf, named by a path that lasts, as iSCSI, NVMe and local arrays are: the role asks the same of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from frontdoor import post
from frontdoor.landscape import Machine
from tests.faults.faults import window
from tests.laboratory import Lab
from tests.storage.outages import converge, is_serving, of_host

DISK, FILE, PLACE = "/dev/disk/by-id/posthouse-disk", "/var/lib/posthouse-disk.img", "/srv/local"
#: A loop device has no serial number by which udev would know it.
RULES = "/run/udev/rules.d/90-posthouse-disk.rules"
RULE = f'KERNEL=="loop*", ATTR{{loop/backing_file}}=="{FILE}", SYMLINK+="{DISK.removeprefix("/dev/")}"'
PLUG = f"losetup --find {FILE} && udevadm settle"
UNPLUG = f"losetup --detach $(realpath {DISK}) && udevadm settle"


@pytest.fixture
def values(lab: Lab, store: Machine, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What the inventory says of the mailstore, which has one more disk. Nothing of it stays."""
    said = {name: of_host(lab, store, name) for name in ("storage_devices", "storage_groups", "storage_volumes")}
    lab.run(store.name, f"mkdir -p {Path(RULES).parent} && cat >{RULES} && udevadm control --reload", RULE)
    lab.run(store.name, f"truncate -s 400M {FILE} && {PLUG} && test -b {DISK}")
    yield copy.deepcopy(said)
    lab.run(
        store.name,
        f"test -b {DISK} || {{ {PLUG}; }}; umount {PLACE}; vgchange -an local; vgremove -qy local; storage abandon local",
        check=False,
    )
    converge(lab, tmp_path, {store.name: said}, "storage")
    lab.run(store.name, f"{UNPLUG}; rm -f {FILE} {RULES}; udevadm control --reload")


def test_a_disk_by_its_path_is_made_grown_and_waited_for(lab: Lab, store: Machine, values: dict[str, Any], tmp_path: Path) -> None:
    values["storage_devices"].append({"name": "local", "path": DISK})
    values["storage_groups"].append({"name": "local", "devices": ["local"]})
    values["storage_volumes"].append({"name": "local", "group": "local", "size": "100%", "path": PLACE})
    converge(lab, tmp_path, {store.name: values}, "storage")
    lab.run(store.name, f"echo kept >{PLACE}/kept; sync")
    before = int(lab.run(store.name, f"findmnt -bno SIZE {PLACE}"))

    lab.run(store.name, f"truncate -s 800M {FILE} && losetup --set-capacity $(realpath {DISK})")
    converge(lab, tmp_path, {store.name: values}, "storage")
    assert int(lab.run(store.name, f"findmnt -bno SIZE {PLACE}")) - before > 300 << 20

    with window():
        lab.run(store.name, f"systemctl stop posthouse-storage && {UNPLUG}", timeout=120)
        lab.run(store.name, "systemctl start --no-block posthouse-storage postfix dovecot")
        # It says so after half a minute.
        waits = "systemctl is-active posthouse-storage; journalctl -b -u posthouse-storage --since -1min"
        assert post.wait_for(lambda: DISK in lab.run(store.name, waits, check=False), 60)
        assert lab.run(store.name, waits, check=False).startswith("activating")
        lab.run(store.name, PLUG)
        assert post.wait_for(partial(is_serving, lab, store), 120)
    assert lab.run(store.name, f"cat {PLACE}/kept") == "kept\n"
