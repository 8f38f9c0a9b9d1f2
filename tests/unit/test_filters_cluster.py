"""Machines of a group, as the inventory promises them."""

from __future__ import annotations

import pytest

from filter_plugins.cluster import cluster_addresses, cluster_as_run, cluster_members, cluster_stand_ins

HOSTVARS = {
    "mx1": {
        "address": "192.0.2.31",
        "public_address": "203.0.113.31",
        "address6": "2001:DB8:1::31",
        "public_address6": "2001:db8:2:0::31",
    },
    "store1": {"address": "192.0.2.21"},
    "nowhere": {},
}


def test_members_keep_the_order_and_know_both_addresses() -> None:
    assert cluster_members(["mx1", "store1"], HOSTVARS, "example.edu") == [
        {
            "name": "mx1",
            "fqdn": "mx1.example.edu",
            "address": "192.0.2.31",
            "public_address": "203.0.113.31",
            "address6": "2001:db8:1::31",
            "public_address6": "2001:db8:2::31",
        },
        {
            "name": "store1",
            "fqdn": "store1.example.edu",
            "address": "192.0.2.21",
            "public_address": "192.0.2.21",
            "address6": "",
            "public_address6": "",
        },
    ]


@pytest.mark.parametrize(
    ("said", "inside", "outside"),
    [
        ({"address6": "2001:db8:1::31"}, "2001:db8:1::31", "2001:db8:1::31"),
        ({"public_address6": "2001:db8:2::31"}, "", "2001:db8:2::31"),
        # Whoever faces the internet with another address does not face it with this one of IPv6 either.
        ({"public_address": "203.0.113.31", "address6": "2001:db8:1::31"}, "2001:db8:1::31", ""),
        ({}, "", ""),
    ],
)
def test_ipv6_is_there_where_the_inventory_says_so(said: dict[str, str], inside: str, outside: str) -> None:
    hostvars = {"mx1": {"address": "192.0.2.31", **said}}
    (member,) = cluster_members(["mx1"], hostvars, "example.edu")
    assert (member["address6"], member["public_address6"]) == (inside, outside)
    (member,) = cluster_members(["mx1"], hostvars, "example.edu", ipv6=False)
    assert (member["address6"], member["public_address6"]) == ("", "")


def test_addresses_of_both_families_in_order() -> None:
    members = cluster_members(["mx1", "store1"], HOSTVARS, "example.edu")
    assert cluster_addresses(members) == ["192.0.2.31", "192.0.2.21", "2001:db8:1::31"]
    assert cluster_addresses(members, public=True) == ["192.0.2.31", "192.0.2.21", "203.0.113.31", "2001:db8:1::31", "2001:db8:2::31"]


def test_a_host_without_an_address_is_named_with_a_remedy() -> None:
    with pytest.raises(ValueError, match=r"nowhere has no address: .*nowhere: \{address: "):
        cluster_members(["nowhere"], HOSTVARS, "example.edu")


PAIR = {
    "hermes": {"address": "192.0.2.21"},
    "apollo": {"address": "192.0.2.24", "address6": "2001:db8:1::24", "stand_in": "artemis"},
    "artemis": {"address": "192.0.2.25"},
}


def test_a_standby_gives_its_addresses_to_the_name_that_it_runs_and_has_none_itself() -> None:
    stand_ins = cluster_stand_ins(["hermes", "apollo"], PAIR)
    assert stand_ins == {"apollo": "artemis"}
    members = cluster_members(PAIR, PAIR, "example.edu")
    run = cluster_as_run(members, stand_ins)
    assert [(machine["fqdn"], machine["address"], machine["address6"]) for machine in run] == [
        ("hermes.example.edu", "192.0.2.21", ""),
        # Not its own address of IPv6 beside the other's of IPv4: two machines would answer to one name.
        ("apollo.example.edu", "192.0.2.25", ""),
    ]
    assert cluster_as_run(members, {}) == members


@pytest.mark.parametrize("said", [None, ""])
def test_a_mailstore_on_its_own_machine_has_no_stand_in(said: str | None) -> None:
    assert cluster_stand_ins(["apollo"], {"apollo": {"address": "192.0.2.24", "stand_in": said}}) == {}


def test_a_stand_in_is_a_machine_and_stands_in_once() -> None:
    with pytest.raises(ValueError, match="apollo has the stand_in artemsi, which is no machine"):
        cluster_stand_ins(["apollo"], {"apollo": {"stand_in": "artemsi"}})
    both = {"apollo": {"stand_in": "artemis"}, "hermes": {"stand_in": "artemis"}, "artemis": {}}
    with pytest.raises(ValueError, match="hermes and apollo have the same stand_in artemis"):
        cluster_stand_ins(["apollo", "hermes"], both)
