"""A LUN is made larger in the inventory, and one run of the site makes disk, group, volume and file system larger while mail flows."""

from __future__ import annotations

from pathlib import Path

from frontdoor.landscape import Machine
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, to_store
from tests.storage.outages import converge, nothing_was_lost

MORE = 64 << 20


def test_a_lun_grows_while_mail_flows(lab: Lab, rosa: Person, store: Machine, shelf: Machine, tmp_path: Path) -> None:
    luns = [dict(lun) for lun in lab.inventory.everywhere("shelf_luns")]
    ours = next(lun for lun in luns if store.name in lun["machines"])
    there = int(lab.run(shelf.name, f"stat -Lc %s {ours['path']}"))
    before = int(lab.run(store.name, "findmnt -bno SIZE /mnt/home"))
    ours["size"] = f"{(there + MORE) >> 20}m"
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow():
        ledger.acknowledged(3)
        taken = len(ledger.book.acknowledged)
        converge(lab, tmp_path, {shelf.name: {"shelf_luns": luns}, store.name: {}}, "shelf,storage")
        assert len(ledger.book.acknowledged) > taken, "no letter was taken while everything grew"
        ledger.acknowledged(3)
    after = int(lab.run(store.name, "findmnt -bno SIZE /mnt/home"))
    assert after - before > MORE // 2, f"/mnt/home had {before} bytes and has {after}"
    nothing_was_lost(ledger)
