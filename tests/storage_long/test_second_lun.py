"""Another LUN in the inventory extends a group, its volume and its file system while everything runs."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, to_store
from tests.storage.outages import converge, nothing_was_lost, of_host

PLACE = "/srv/more"
SLOTS = (11, 12)
TAGS = "shelf,storage"


@pytest.fixture
def values(lab: Lab, store: Machine, shelf: Machine, tmp_path: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """What the inventory says of both machines. What a test made of it is gone afterwards, a group of its own with its disks."""
    said = {
        store.name: {name: of_host(lab, store, name) for name in ("storage_devices", "storage_groups", "storage_volumes")},
        shelf.name: {"shelf_luns": lab.inventory.everywhere("shelf_luns")},
    }
    yield copy.deepcopy(said)
    lab.run(
        store.name,
        f"umount {PLACE}; vgchange -an more; vgremove -qy more; storage abandon more; "
        f"for s in {SLOTS[0]} {SLOTS[1]}; do pvremove -qy /dev/etherd/e1.$s; done",
        check=False,
    )
    converge(lab, tmp_path, said, TAGS)
    lab.run(store.name, "echo all >/dev/etherd/flush")
    lab.run(shelf.name, "".join(f"rm -f /srv/shelf/1.{slot} /var/lib/posthouse-shelf/1.{slot}.made;" for slot in SLOTS))


def test_a_second_lun_extends_what_is_mounted(
    lab: Lab, rosa: Person, store: Machine, shelf: Machine, values: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    ours, luns = values[store.name], values[shelf.name]["shelf_luns"]
    ours["storage_groups"].append({"name": "more", "devices": []})
    ours["storage_volumes"].append({"name": "more", "group": "more", "size": "100%", "path": PLACE})
    sizes = []
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow(pause=1):
        for slot in SLOTS:
            luns.append({"shelf": 1, "slot": slot, "path": f"/srv/shelf/1.{slot}", "size": "400m", "machines": [store.name]})
            ours["storage_devices"].append({"name": f"more{slot}", "aoe": f"1.{slot}"})
            ours["storage_groups"][-1]["devices"].append(f"more{slot}")
            converge(lab, tmp_path, values, TAGS)
            sizes.append(int(lab.run(store.name, f"findmnt -bno SIZE {PLACE}")))
            lab.run(store.name, f"test -e {PLACE}/kept || echo kept >{PLACE}/kept; grep -q kept {PLACE}/kept")
        ledger.acknowledged(2)
    assert sizes[1] - sizes[0] > 300 << 20, f"{PLACE} had {sizes[0]} bytes and has {sizes[1]}"
    nothing_was_lost(ledger)
