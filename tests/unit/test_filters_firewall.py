"""What a machine offers, as lines of nftables."""

from __future__ import annotations

from typing import Any

import pytest

from filter_plugins.firewall import firewall_rules, firewall_sources
from filter_plugins.tmpfiles import tmpfiles_text


@pytest.mark.parametrize(
    ("offer", "rules"),
    [
        ({"ports": [25], "from": "anyone"}, ["tcp dport { 25 } accept"]),
        ({"ports": [53], "protocols": ["udp", "tcp"], "from": "anyone"}, ["udp dport { 53 } accept", "tcp dport { 53 } accept"]),
        ({"ports": [993, 143, 143], "from": ["192.0.2.4"]}, ["ip saddr { 192.0.2.4 } tcp dport { 143, 993 } accept"]),
        (
            {"ports": [22], "from": ["2001:db8::/32", "192.0.2.128/25", "192.0.2.200", "192.0.2.7", "192.0.2.7/32"]},
            ["ip saddr { 192.0.2.7, 192.0.2.128/25 } tcp dport { 22 } accept", "ip6 saddr { 2001:db8::/32 } tcp dport { 22 } accept"],
        ),
        ({"ports": [22], "from": []}, []),
    ],
)
def test_offers_become_rules(offer: dict[str, Any], rules: list[str]) -> None:
    assert firewall_rules(offer) == rules


def test_what_is_no_network_is_named() -> None:
    with pytest.raises(ValueError, match=r"192\.0\.2\.1/24"):
        firewall_sources(["192.0.2.1/24"])
    with pytest.raises(ValueError, match="everybody"):
        firewall_rules({"ports": [25], "from": "everybody"})


@pytest.mark.parametrize(("text", "argument"), [("a\nb\n", "a\\nb\\n"), ("100%", "100%%"), ("back\\slash", "back\\\\slash")])
def test_a_text_as_an_argument_of_tmpfiles(text: str, argument: str) -> None:
    assert tmpfiles_text(text) == argument
