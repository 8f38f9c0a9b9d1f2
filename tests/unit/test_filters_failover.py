"""How a mailstore moves to another machine: what is planned, what is refused, and when its old machine is out."""

from __future__ import annotations

from typing import Any

import pytest

from filter_plugins.failover import failover_open, failover_plan

GROUPS = {
    "all": ["hermes", "apollo", "artemis", "hestia", "san1", "san2", "ns1"],
    "dns": ["ns1"],
    "mailstore": ["hermes", "apollo"],
    "storage": ["apollo", "artemis", "hestia"],
    "standby": ["artemis", "hestia"],
    "shelf": ["san1", "san2"],
    "building_seven": ["apollo", "san1"],
}
LUN = {"shelf": 1, "slot": 0, "path": "/srv/shelf/1.0", "machines": ["apollo"]}
CARD, OTHER_CARD = "02:00:00:00:00:25", "02:00:00:00:00:24"


def hosts(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Values of all machines. changes: of a machine, beside the usual."""
    usual: dict[str, dict[str, Any]] = {
        "hermes": {"address": "192.0.2.21"},
        "apollo": {
            "address": "192.0.2.24",
            "storage_hardware_address": OTHER_CARD,
            "storage_devices": [{"name": "shelf1", "aoe": "1.0"}],
            "storage_groups": [{"name": "mail", "devices": ["shelf1"]}],
            "storage_volumes": [
                {"name": "queue", "group": "mail", "path": "/var/spool/postfix"},
                {"name": "home", "group": "mail", "path": "/mnt/home"},
            ],
        },
        "artemis": {"address": "192.0.2.25", "storage_hardware_address": CARD.upper()},
        "hestia": {"address": "192.0.2.26", "storage_hardware_address": "02:00:00:00:00:26"},
        "san1": {"address": "192.0.2.71", "shelf_luns": [LUN]},
        "san2": {"address": "192.0.2.72"},
        "ns1": {"address": "192.0.2.8"},
    }
    return {name: values | changes.get(name, {}) for name, values in usual.items()}


def test_away_and_back() -> None:
    away = failover_plan("apollo", "artemis", hosts(), GROUPS)
    assert away == {
        "faults": [],
        "mailstore": "apollo",
        "to": "artemis",
        "by": "apollo",
        "moves": True,
        "to_address": "192.0.2.25",
        "by_address": "192.0.2.24",
        "card": CARD,
        "luns": [{"address": "1.0", "host": "san1", "machines": ["apollo"]}],
        "shelves": ["san1"],
        "volume_groups": ["mail"],
        "aoe": ["1.0"],
        "others": ["apollo", "hestia"],
        "old_addresses": ["192.0.2.24", "192.0.2.26"],
        "fence": "shelf",
        "commands": [],
        "stand_in": "artemis",
    }
    back = failover_plan("apollo", "apollo", hosts(apollo={"stand_in": "artemis"}), GROUPS)
    assert not back["faults"]
    assert (back["by"], back["by_address"], back["to_address"]) == ("artemis", "192.0.2.25", "192.0.2.24")
    assert (back["card"], back["others"], back["stand_in"], back["moves"]) == (OTHER_CARD, ["artemis", "hestia"], "", True)


def test_a_second_run_moves_nothing_and_plans_the_same_end() -> None:
    again = failover_plan("apollo", "artemis", hosts(apollo={"stand_in": "artemis"}), GROUPS)
    assert (again["moves"], again["card"], again["stand_in"], again["faults"]) == (False, CARD, "artemis", [])


def test_from_one_standby_to_another() -> None:
    plan = failover_plan("apollo", "hestia", hosts(apollo={"stand_in": "artemis"}), GROUPS)
    assert (plan["by"], plan["to"], plan["others"]) == ("artemis", "hestia", ["apollo", "artemis"])


@pytest.mark.parametrize(
    ("mailstore", "to", "changes", "sentence"),
    [
        ("artemis", "artemis", {}, "artemis is no mailstore; say -e mailstore= one of hermes, apollo"),
        ("", "", {}, "nothing is no mailstore"),
        ("apollo", "hermes", {}, "hermes is no standby; say -e to= one of artemis, hestia, apollo for its own machine"),
        ("apollo", "", {}, "nothing is no standby"),
        ("apollo", "artemis", {"hermes": {"stand_in": "artemis"}}, "artemis runs hermes now"),
        ("hermes", "artemis", {}, "hermes has no storage_devices"),
        ("apollo", "artemis", {"artemis": {"storage_hardware_address": ""}}, "artemis has no storage_hardware_address"),
        ("apollo", "artemis", {"san1": {"shelf_luns": []}}, "nothing keeps the old machine from shelf1"),
        ("apollo", "artemis", {"san1": {"shelf_luns": [LUN | {"machines": ["apollo", "hermes"]}]}}, "is not for apollo alone"),
        ("apollo", "artemis", {"san1": {"shelf_luns": [LUN | {"machines": []}]}}, "is not for apollo alone, but for nobody"),
        # Two heads of one array: the one that is not fenced would let the old machine in.
        ("apollo", "artemis", {"san2": {"shelf_luns": [LUN]}}, "LUN 1.0 is exported by san1 and by san2"),
        ("apollo", "artemis", {"apollo": {"storage_devices": [{"name": "iscsi1", "path": "/dev/disk/by-id/x"}]}}, "from iscsi1"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_happens(
    mailstore: str, to: str, changes: dict[str, dict[str, Any]], sentence: str
) -> None:
    assert any(sentence in fault for fault in failover_plan(mailstore, to, hosts(**changes), GROUPS)["faults"])


@pytest.mark.parametrize(
    ("paths", "lies_there"),
    [(["/mnt/home"], False), (["/mnt/home", "/var/spool/postfix-copies"], False), (["/var/spool/"], True), (["/var/spool/postfix"], True)],
)
def test_a_queue_is_not_left_behind_unsaid(paths: list[str], lies_there: bool) -> None:
    values: dict[str, Any] = {"storage_volumes": [{"name": "v", "group": "mail", "path": path} for path in paths]}
    faults = failover_plan("apollo", "artemis", hosts(apollo=values), GROUPS)["faults"]
    assert (faults == []) == lies_there
    assert lies_there or "/var/spool/postfix of apollo lies on its machine's own disk" in faults[0]
    # A dead machine's queue cannot be moved any more; its homes can.
    assert failover_plan("apollo", "artemis", hosts(apollo=values | {"failover_leaves_queue": True}), GROUPS)["faults"] == []


def test_a_mailstore_that_is_more_than_that_does_not_move() -> None:
    (fault,) = failover_plan("apollo", "artemis", hosts(), GROUPS | {"quarantine": ["apollo"]})["faults"]
    assert "apollo is of quarantine too" in fault


def test_where_no_shelf_is_ours_machines_are_switched_off() -> None:
    devices = [{"name": "iscsi1", "path": "/dev/disk/by-id/x"}]
    values = {"storage_devices": devices, "storage_fence_command": ["fence_ipmilan", "--ip={machine}-bmc", "--action=off"]}
    plan = failover_plan("apollo", "artemis", hosts(apollo=values), GROUPS)
    assert (plan["faults"], plan["fence"], plan["shelves"]) == ([], "command", [])
    assert plan["commands"] == [{"machine": "apollo", "words": ["fence_ipmilan", "--ip=apollo-bmc", "--action=off"]}]
    # Whoever ran it in between is switched off too, and the one that comes never.
    plan = failover_plan("apollo", "hestia", hosts(apollo=values | {"stand_in": "artemis"}), GROUPS)
    assert [one["machine"] for one in plan["commands"]] == ["apollo", "artemis"]
    plan = failover_plan("apollo", "apollo", hosts(apollo=values | {"stand_in": "artemis"}), GROUPS)
    assert [one["machine"] for one in plan["commands"]] == ["artemis"]


@pytest.mark.parametrize("stand_in", ["", "artemis"])
@pytest.mark.parametrize("to", ["apollo", "hestia"])
def test_where_machines_are_switched_off_nobodys_group_is_taken_who_was_not(stand_in: str, to: str) -> None:
    """An inventory from before the last failover does not know that artemis writes."""
    values = {"storage_devices": [{"name": "iscsi1", "path": "/dev/disk/by-id/x"}], "storage_fence_command": ["off", "{machine}"]}
    plan = failover_plan("apollo", to, hosts(apollo=values | {"stand_in": stand_in}), GROUPS)
    assert plan["others"] == [one["machine"] for one in plan["commands"]]
    # Who knows better than the inventory says so.
    plan = failover_plan("apollo", to, hosts(apollo=values | {"stand_in": stand_in}), GROUPS, "artemis")
    assert (plan["by"], plan["by_address"], plan["moves"]) == ("artemis", "192.0.2.25", True)
    assert "artemis" in [one["machine"] for one in plan["commands"]]
    assert plan["others"] == [one["machine"] for one in plan["commands"]]


def test_only_who_can_run_a_mailstore_can_have_run_it() -> None:
    elsewhere = hosts(hermes={"stand_in": "artemis"})
    (fault,) = failover_plan("apollo", "hestia", elsewhere, GROUPS, "artemis")["faults"]
    assert "artemis runs hermes now, as the inventory says, and not apollo" in fault
    assert failover_plan("apollo", "artemis", hosts(), GROUPS, "hermes")["faults"] == [
        "hermes cannot run apollo; say -e by= one of apollo, artemis, hestia"
    ]


def export(*cards: str, process: int = 7, address: str = "1.0") -> dict[str, Any]:
    return {"address": address, "cards": list(cards), "process": process, "interface": "aoe0", "path": "/srv/shelf/1.0"}


@pytest.mark.parametrize(
    ("running", "sentence"),
    [
        ([export(CARD)], ""),
        ([export(CARD), export(OTHER_CARD, address="1.1")], ""),
        ([export(OTHER_CARD)], f"lets in {OTHER_CARD}, not {CARD} alone (process 7)"),
        ([export(CARD, OTHER_CARD)], f"lets in {CARD}, {OTHER_CARD}, not"),
        # Without a mask vblade(8) serves whoever asks.
        ([export()], "lets in everybody"),
        ([], "is not exported by san1"),
        # One that somebody started by hand, which no unit's restart ends.
        ([export(CARD), export(OTHER_CARD, process=9)], "exported by 2 processes"),
    ],
)
def test_the_old_machine_is_out_when_no_process_lets_it_in(running: list[dict[str, Any]], sentence: str) -> None:
    plan = failover_plan("apollo", "artemis", hosts(), GROUPS)
    found = failover_open(plan, {"san1": running})
    assert bool(found) == bool(sentence)
    assert not sentence or any(sentence in one for one in found)
    assert failover_open(plan, {})  # a shelf that said nothing proves nothing
