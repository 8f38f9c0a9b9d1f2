"""Machines of a group, as the inventory promises them."""

from __future__ import annotations

import pytest

from filter_plugins.cluster import cluster_addresses, cluster_members

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
