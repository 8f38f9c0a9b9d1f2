"""The shelf goes away and comes back, in every way that it can, while mail flows: deliveries wait, nothing is lost."""

from __future__ import annotations

import time

from frontdoor import post
from frontdoor.landscape import Machine
from tests.faults.faults import window
from tests.laboratory import Lab
from tests.people import Person
from tests.storage.ledger import Ledger, through_exchanger, to_store
from tests.storage.outages import cable_pulled, nothing_was_lost, without_power

FLAPS = 10
#: Longer than what aoe gives a shelf by default (aoe_deadsecs, 180 s): an I/O error here would shut XFS down.
LONG_OUTAGE = 200.0
UNITS = "'posthouse-vblade@*'"


def test_the_exports_are_restarted_under_load(lab: Lab, rosa: Person, shelf: Machine) -> None:
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow(), window():
        for _ in range(3):
            ledger.acknowledged(3)
            lab.run(shelf.name, f"systemctl restart {UNITS}")
        ledger.acknowledged(3)
    nothing_was_lost(ledger)


def test_the_shelf_loses_its_power_under_load(lab: Lab, rosa: Person, shelf: Machine) -> None:
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow():
        ledger.acknowledged(3)
        with without_power(lab, shelf):
            time.sleep(5)
        ledger.acknowledged(3, 180)
    nothing_was_lost(ledger)


def test_the_path_flaps(lab: Lab, rosa: Person, store: Machine) -> None:
    ledger = Ledger(lab, rosa, to_store(lab, rosa))
    with ledger.flow():
        ledger.acknowledged(3)
        for _ in range(FLAPS):
            with cable_pulled(lab, store):
                time.sleep(1.0)
            time.sleep(1.0)
        ledger.acknowledged(3, 120)
    nothing_was_lost(ledger)


def test_the_cable_is_out_for_minutes(lab: Lab, rosa: Person, store: Machine) -> None:
    ledger = Ledger(lab, rosa, through_exchanger(lab))
    with ledger.flow(pause=5):
        ledger.acknowledged(1)
        with cable_pulled(lab, store):
            time.sleep(LONG_OUTAGE)
            said = post.wait_for(lambda: alerts(lab, store), 90)
            lun = f"{lab.inventory.everywhere('shelf_luns')[0]['shelf']}.{lab.inventory.everywhere('shelf_luns')[0]['slot']}"
            assert lun in said, f"nobody says which LUN is away: {said}"
        ledger.acknowledged(2)
    nothing_was_lost(ledger, 240)
    assert lab.run(store.name, "dmesg | grep -ci 'xfs.*shut.*down'", check=False).strip() == "0"


def alerts(lab: Lab, store: Machine) -> str:
    """What the machine says of its storage when something is wrong with it; nothing when all is well."""
    look = "storage health >/dev/null; storage status >/run/storage.said 2>&1 || cat /run/storage.said"
    return lab.run(store.name, look, check=False, timeout=60)
