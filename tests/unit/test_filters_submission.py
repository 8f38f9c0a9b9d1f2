"""Exceptions to the ownership of senders, as what Postfix asks."""

from __future__ import annotations

from typing import Any

import pytest

from filter_plugins.submission import FilterModule, inline_table, sender_exceptions

NOBODY: dict[str, Any] = {"clients": [], "addresses": {}, "domains": {}, "everything": ""}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], {}),
        ([{"clients": ["192.0.2.7", "2001:db8::/64"], "senders": ["*"]}], {"clients": [(["192.0.2.7/32", "2001:db8::/64"], [])]}),
        (
            [{"clients": ["192.0.2.0/28"], "logins": [], "senders": ["Scan@example.org", "@Lists.example.org"]}],
            {"clients": [(["192.0.2.0/28"], ["scan@example.org", "lists.example.org"])]},
        ),
        (
            [{"logins": ["ann", "bob"], "senders": ["News@example.org"]}, {"logins": ["bob", "cid"], "senders": ["news@example.org"]}],
            {"addresses": {"news@example.org": "ann bob cid"}},
        ),
        (
            [{"logins": ["robot"], "senders": ["@lists.example.org", "*"]}],
            {"domains": {"lists.example.org": "robot"}, "everything": "robot"},
        ),
        (
            [{"logins": ["robot"], "clients": ["192.0.2.7"], "senders": ["news@example.org"]}],
            {"clients": [(["192.0.2.7/32"], ["news@example.org"])], "addresses": {"news@example.org": "robot"}},
        ),
    ],
)
def test_sender_exceptions(given: Any, expected: Any) -> None:
    clients = [{"networks": networks, "senders": senders} for networks, senders in expected.get("clients", [])]
    assert sender_exceptions(given) == NOBODY | expected | {"clients": clients}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"senders": ["a@example.org"]}, "excepts nobody"),
        ({"clients": ["192.0.2.7"], "senders": []}, "excepts nobody"),
        ({"clients": ["192.0.2.7/24"], "senders": ["*"]}, "host bits"),
        ({"clients": ["printer.example.org"], "senders": ["*"]}, "printer.example.org"),
        ({"logins": ["ann"], "senders": ["example.org"]}, "is not an address"),
        ({"logins": ["ann"], "senders": ["a b@example.org"]}, "is not an address"),
        ({"logins": ["ann"], "senders": ["{a@example.org"]}, "is not an address"),
        ({"logins": ["ann"], "senders": ["$myhostname@example.org"]}, "is not an address"),
        ({"logins": ["ann, bob"], "senders": ["a@example.org"]}, "is not a login"),
    ],
)
def test_what_cannot_be_meant_is_named(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sender_exceptions([given])


def test_inline_table() -> None:
    assert inline_table({"A@b.test": "ann bob", "c.test": "OK"}) == "{a@b.test = ann bob}, {c.test = OK}"
    assert inline_table({}) == ""


def test_templates_know_the_filters() -> None:
    assert FilterModule().filters() == {"inline_table": inline_table, "sender_exceptions": sender_exceptions}
