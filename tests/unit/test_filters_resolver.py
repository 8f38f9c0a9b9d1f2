"""Reverse zones above those whose servers are known are not answered from empty zones."""

from __future__ import annotations

from filter_plugins import resolver


def test_every_reverse_zone_above_is_named_once() -> None:
    zones = ["0.143.10.in-addr.arpa", "1.143.10.in-addr.arpa", "example.org", "8.b.d.0.1.0.0.2.ip6.arpa"]
    found = resolver.resolver_ancestors(zones)
    assert "143.10.in-addr.arpa" in found
    assert "10.in-addr.arpa" in found
    assert "in-addr.arpa" not in found, "the whole tree is nobody's empty zone"
    assert "0.143.10.in-addr.arpa" not in found, "named sees by itself that this one is forwarded"
    assert "1.0.0.2.ip6.arpa" in found
    assert not any("example" in name for name in found)
    assert len(found) == len(set(found))


def test_zones_of_the_same_servers() -> None:
    assert resolver.resolver_forwards(["a.test", "b.test"], ["192.0.2.8"]) == [
        {"name": "a.test", "servers": ["192.0.2.8"], "port": 53},
        {"name": "b.test", "servers": ["192.0.2.8"], "port": 53},
    ]


def test_nobody_is_asked_where_there_is_nobody() -> None:
    assert resolver.resolver_forwards(["a.test"], []) == []


def test_the_filters_have_their_names() -> None:
    assert set(resolver.FilterModule().filters()) == {"resolver_ancestors", "resolver_forwards"}
