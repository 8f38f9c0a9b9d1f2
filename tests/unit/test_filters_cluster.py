"""Machines of a group, as the inventory promises them."""

from __future__ import annotations

import pytest

from filter_plugins.cluster import cluster_members

HOSTVARS = {
    "mx1": {"address": "192.0.2.31", "public_address": "203.0.113.31"},
    "store1": {"address": "192.0.2.21"},
    "nowhere": {},
}


def test_members_keep_the_order_and_know_both_addresses() -> None:
    assert cluster_members(["mx1", "store1"], HOSTVARS, "example.edu") == [
        {"name": "mx1", "fqdn": "mx1.example.edu", "address": "192.0.2.31", "public_address": "203.0.113.31"},
        {"name": "store1", "fqdn": "store1.example.edu", "address": "192.0.2.21", "public_address": "192.0.2.21"},
    ]


def test_a_host_without_an_address_is_named_with_a_remedy() -> None:
    with pytest.raises(ValueError, match=r"nowhere has no address: .*nowhere: \{address: "):
        cluster_members(["nowhere"], HOSTVARS, "example.edu")
