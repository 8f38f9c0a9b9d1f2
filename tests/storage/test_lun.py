"""A LUN as it is exported: to whom, by whom, and what both sides say of it."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

from frontdoor import network
from frontdoor.landscape import Machine
from services.storage.storage.asking import question
from tests.laboratory import Lab
from tests.storage.frames import ETH_P_8021Q, ETH_P_ALL, seen_on

STRANGER = "02:53:00:00:ff:01"
#: capabilities(7)
NET_RAW = 1 << 13


def exported(lab: Lab, store: Machine) -> dict[str, Any]:
    found: dict[str, Any] = next(lun for lun in lab.inventory.everywhere("shelf_luns") if store.name in lun["machines"])
    return found


def asked_from(card: str, vlan: int, address: str, broadcasts: int = 3) -> list[str]:
    """Ask for a LUN as a card in the storage network would; return who answered."""
    frame = question(bytes.fromhex(card.replace(":", "")), address, 0x80000001)
    tagged = frame[:12] + struct.pack("!HH", ETH_P_8021Q, vlan) + frame[12:]
    with seen_on(network.STORAGE) as frames, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as raw:
        raw.bind((network.STORAGE, ETH_P_ALL))
        for _ in range(broadcasts):
            raw.send(tagged)
            time.sleep(0.3)
    assert any(one.source == card for one in frames), "the question was never on the wire"
    return [one.source for one in frames if one.response and one.destination == card]


def test_a_strangers_card_is_not_answered(lab: Lab, store: Machine) -> None:
    lun = exported(lab, store)
    assert asked_from(STRANGER, lab.inventory.values["cluster_storage_vlan"], f"{lun['shelf']}.{lun['slot']}") == []


def test_who_is_let_in_is_answered_in_the_same_network(lab: Lab, store: Machine, shelf: Machine) -> None:
    """Else silence would prove nothing."""
    with seen_on(network.STORAGE) as frames:
        lab.run(store.name, "storage health", check=False)
    card = lab.inventory.hosts[store.name]["storage_hardware_address"].lower()
    theirs = lab.inventory.hosts[shelf.name]["storage_hardware_address"].lower()
    assert any(one.response and (one.source, one.destination) == (theirs, card) for one in frames)


def test_who_exports_it_has_one_right_and_serves_one_machine(lab: Lab, store: Machine, shelf: Machine) -> None:
    lun = exported(lab, store)
    unit = f"posthouse-vblade@{lun['shelf']}.{lun['slot']}.service"
    shown = dict(line.split("=", 1) for line in lab.run(shelf.name, f"systemctl show -p MainPID,User,ActiveState {unit}").splitlines())
    assert (shown["ActiveState"], shown["User"]) == ("active", "posthouse-shelf")
    words = lab.run(shelf.name, f"tr '\\0' ' ' </proc/{shown['MainPID']}/cmdline")
    assert f"-s -m {lab.inventory.hosts[store.name]['storage_hardware_address'].lower()} " in words
    status = dict(
        line.split(":\t") for line in lab.run(shelf.name, f"grep -E 'Cap(Eff|Bnd|Amb)' /proc/{shown['MainPID']}/status").splitlines()
    )
    assert {int(value, 16) for value in status.values()} == {NET_RAW}, status
    assert lab.run(shelf.name, f"stat -c '%U %a' {lun['path']}").split() == ["posthouse-shelf", "600"]


def test_both_sides_say_how_it_is(lab: Lab, store: Machine, shelf: Machine) -> None:
    lun = exported(lab, store)
    said = json.loads(lab.run(shelf.name, "shelf status --json", check=False))["findings"]
    assert {one["level"] for one in said} == {"fine"}, said
    lab.run(store.name, "storage forget; storage health", check=False)
    told = json.loads(lab.run(store.name, "runuser -u posthouse-storage -- storage status --json", check=False))["findings"]
    words = [one["says"] for one in told]
    assert any(f"e{lun['shelf']}.{lun['slot']} = " in one and f" on {shelf.name} answers" in one for one in words), words


def test_a_snapshot_is_a_volume_as_it_was(lab: Lab, store: Machine) -> None:
    lab.run(store.name, "echo before >/mnt/home/.snapshot-test")
    try:
        made = json.loads(lab.run(store.name, "storage snapshot create home --name test --json"))
        lab.run(store.name, "echo after >/mnt/home/.snapshot-test; echo more >/mnt/home/.snapshot-more; sync -f /mnt/home")
        assert lab.run(store.name, f"cat {made['path']}/.snapshot-test; ls -A {made['path']} | grep -c more", check=False).split() == [
            "before",
            "0",
        ]
        assert lab.run(store.name, f"touch {made['path']}/x 2>&1", check=False).strip().endswith("Read-only file system")
        assert lab.run(store.name, f"stat -c %a $(dirname {made['path']})").strip() == "700"
        assert "snapshot test is" in lab.run(store.name, "storage health", check=False)
    finally:
        lab.run(store.name, "storage snapshot remove --all; rm -f /mnt/home/.snapshot-*")
    assert lab.run(store.name, "lvs --noheadings -o lv_name @posthouse_snapshot").strip() == ""
    assert lab.run(store.name, "ls /run/posthouse-storage; ls /var/lib/posthouse-storage | grep -c snapshot", check=False).split() == ["0"]
