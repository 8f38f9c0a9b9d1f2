"""Tables in → out of the filters for shelves."""

from __future__ import annotations

from typing import Any

import pytest

from filter_plugins.shelf import FilterModule

FILTERS = FilterModule().filters()
APOLLO, ARTEMIS = "02:53:00:00:00:18", "02:53:00:00:00:19"
CARDS = {"apollo": [APOLLO], "artemis": [ARTEMIS]}
LUN: dict[str, Any] = {"shelf": 1, "slot": 0, "path": "/srv/shelf/1.0", "size": "20g", "machines": ["apollo"]}


def exported(**changes: Any) -> dict[str, Any]:
    (one,) = FILTERS["shelf_exported"]([{**LUN, **changes}], CARDS)
    assert isinstance(one, dict)
    return one


def test_a_lun_is_exported_to_the_cards_of_its_machines() -> None:
    assert exported() == {
        **LUN,
        "address": "1.0",
        "cards": [APOLLO],
        "read_only": False,
        "synced": True,
        "service": {"name": "posthouse-vblade@1.0.service"},
    }
    assert exported(machines=["artemis", "apollo"])["cards"] == [APOLLO, ARTEMIS]
    assert FILTERS["shelf_exported"]([{**LUN, "machines": ["loud"]}], {"loud": ["02:AB:00:00:00:01"]})[0]["cards"] == ["02:ab:00:00:00:01"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"machines": ["hermes"]}, "is for hermes, of which no storage_hardware_address is known"),
        ({"shelf": 65535}, "no such address"),
        ({"slot": 255}, "no such address"),
        ({"path": "srv/1.0"}, "has to be absolute"),
        ({"path": "/srv/a b"}, "has to be absolute"),
        ({"path": "/srv/%n"}, "has to be absolute"),
        ({"path": "/srv/x\nExecStart=/bin/sh"}, "has to be absolute"),
        ({"path": "/srv/../etc/shadow"}, "has to be absolute"),
        ({"sice": "20g"}, "sice is no option"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_a_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"LUN \d+\.\d+") as refused:
        exported(**changes)
    assert words in str(refused.value)


def test_cards_are_addresses_and_no_more_than_vblade_can_tell_apart() -> None:
    with pytest.raises(ValueError, match="is no hardware address"):
        FILTERS["shelf_exported"]([LUN], {"apollo": ["02:53:00:00:00"]})
    with pytest.raises(ValueError, match="can tell 32 apart"):
        FILTERS["shelf_exported"]([LUN], {"apollo": [f"02:53:00:00:01:{one:02x}" for one in range(33)]})


def test_two_luns_share_neither_address_nor_path() -> None:
    for twin in ({**LUN, "path": "/srv/shelf/other"}, {**LUN, "slot": 1}):
        with pytest.raises(ValueError, match="must not overwrite"):
            FILTERS["shelf_exported"]([LUN, twin], CARDS)


def unit(**changes: Any) -> str:
    files = FILTERS["shelf_units"]([exported(**changes)], "aoe0", 16, "posthouse-shelf")
    assert list(files) == ["/etc/systemd/system/posthouse-vblade@1.0.service"]
    text = files["/etc/systemd/system/posthouse-vblade@1.0.service"]
    assert isinstance(text, str)
    return text


def test_a_unit_exports_one_lun_synced_to_its_machines_alone() -> None:
    text = unit()
    assert f"ExecStart=/usr/sbin/vblade -b 16 -s -m {APOLLO} 1 0 aoe0 /srv/shelf/1.0\n" in text
    assert "RequiresMountsFor=/srv/shelf/1.0\n" in text
    assert "ReadWritePaths=/srv/shelf/1.0\n" in text
    assert "chown" not in text
    assert " -r " in unit(read_only=True)
    assert " -s " not in unit(synced=False)


def test_a_lun_without_machines_lets_nobody_in() -> None:
    """Without -m, vblade answers everybody (vblade(8))."""
    assert " -m 00:00:00:00:00:00 1 0 " in unit(machines=[])


def test_a_disk_is_given_to_who_exports_it_and_no_other_disk_is() -> None:
    text = unit(path="/dev/disk/by-id/ata-X_1", size="")
    assert "ExecStartPre=+/usr/bin/chown posthouse-shelf /dev/disk/by-id/ata-X_1\n" in text
    assert "DeviceAllow=/dev/disk/by-id/ata-X_1 rw\n" in text
    assert "RequiresMountsFor" not in text


def test_a_larger_lun_and_another_mask_are_another_unit_for_that_lun_alone() -> None:
    two = [LUN, {**LUN, "slot": 1, "path": "/srv/shelf/1.1"}]
    before = FILTERS["shelf_units"](FILTERS["shelf_exported"](two, CARDS), "aoe0", 16, "u")
    for change in ({"size": "30g"}, {"machines": ["artemis"]}):
        after = FILTERS["shelf_units"](FILTERS["shelf_exported"]([{**LUN, **change}, two[1]], CARDS), "aoe0", 16, "u")
        assert [path for path in before if before[path] != after[path]] == ["/etc/systemd/system/posthouse-vblade@1.0.service"]


def test_of_a_machine_for_which_a_standby_runs_only_that_ones_card_is_let_in() -> None:
    values: dict[str, dict[str, Any]] = {
        "apollo": {"storage_hardware_address": APOLLO},
        "artemis": {"storage_hardware_address": ARTEMIS},
        "mx1": {},
    }
    assert FILTERS["shelf_machines"](values, values) == CARDS
    values["apollo"]["stand_in"] = "artemis"
    assert FILTERS["shelf_machines"](values, values)["apollo"] == [ARTEMIS]


def test_who_exports_what() -> None:
    values: dict[str, dict[str, Any]] = {"san1": {"shelf_luns": [LUN, {**LUN, "slot": 1}]}, "san2": {}}
    assert FILTERS["shelf_exports"](values, values) == {"1.0": "san1", "1.1": "san1"}


def test_who_has_a_disk_that_an_old_inventory_gives_to_somebody_else_is_named() -> None:
    handed_over = FILTERS["shelf_handed_over"]
    luns = [exported()]
    there = {"address": "1.0", "cards": [ARTEMIS]}
    assert handed_over(luns, [there], CARDS) == [f"artemis has LUN 1.0, and this inventory gives it to apollo ({APOLLO})"]
    assert handed_over(luns, [{**there, "cards": ["02:00:00:00:00:01"]}], CARDS)[0].startswith("02:00:00:00:00:01 has LUN 1.0")
    assert handed_over(luns, [there], CARDS, ["1.0"]) == []
    assert handed_over(luns, [{**there, "address": "1.1"}], CARDS) == []


@pytest.mark.parametrize("cards", [[APOLLO], [], ["00:00:00:00:00:00"], [APOLLO, ARTEMIS]])
def test_a_disk_that_is_given_to_more_or_to_fewer_changes_no_hands(cards: list[str]) -> None:
    assert FILTERS["shelf_handed_over"]([exported()], [{"address": "1.0", "cards": cards}], CARDS) == []
