"""What a list's answers say of the list."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.blocklists.blocklists.health import Kind, check
from services.blocklists.blocklists.question import Resolver, list_name
from services.blocklists.blocklists.settings import Listed

NETWORKS = ["192.0.2.0/24", "203.0.113.7/32", "2001:db8::/32"]
CHANCE = random.Random(1)


def test_a_list_that_answers_rightly_is_fine(lists: Any) -> None:
    lists.lists("a.test")
    verdict = check(Listed(zone="a.test"), NETWORKS, lists, CHANCE)
    assert (verdict.kind, verdict.reason, verdict.milliseconds) == (Kind.FINE, "", 7)
    assert lists.asked[:2] == ["2.0.0.127.a.test", "1.0.0.127.a.test"]
    assert lists.asked[2].endswith(".2.0.192.a.test")
    assert lists.asked[3] == "7.113.0.203.a.test"
    assert lists.asked[4].endswith(".8.b.d.0.1.0.0.2.a.test")


def test_strangers_are_others_each_time(lists: Any) -> None:
    lists.lists("a.test")
    for _ in range(6):
        check(Listed(zone="a.test"), NETWORKS[:1], lists, CHANCE)
    assert len({name for name in lists.asked if name.endswith(".2.0.192.a.test")}) > 1, "a cache must not answer instead of the list"


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "does not list 127.0.0.2"),
        ({"2.0.0.127.a.test": "answered SERVFAIL"}, "answered SERVFAIL"),
        ({"2.0.0.127.a.test": ["127.0.0.2"], "1.0.0.127.a.test": "no answer within 5 s"}, "no answer"),
        # Who asks too much, or through everybody's resolver, is told so in place of an answer.
        ({"2.0.0.127.a.test": ["127.255.255.254"]}, "says 127.255.255.254 for 127.0.0.2"),
    ],
)
def test_a_list_that_does_not_is_dead(lists: Any, known: dict[str, Any], said: str) -> None:
    lists.known = known
    verdict = check(Listed(zone="a.test", answers=["127.0.0.[2..11]"]), NETWORKS, lists, CHANCE)
    assert verdict.kind is Kind.DEAD
    assert said in verdict.reason


def test_a_list_that_lists_127_0_0_1_lists_the_world(lists: Any) -> None:
    lists.lists("a.test", "1.0.0.127")
    verdict = check(Listed(zone="a.test"), NETWORKS, lists, CHANCE)
    assert verdict.kind is Kind.WORLD
    assert "127.0.0.1 (127.0.0.2)" in verdict.reason


def test_a_list_that_lists_everything_but_that_lists_the_world(lists: Any) -> None:
    lists.lists("a.test")
    lists.known["7.113.0.203.a.test"] = ["127.0.0.2"]
    verdict = check(Listed(zone="a.test"), NETWORKS, lists, CHANCE)
    assert verdict.kind is Kind.WORLD
    assert "203.0.113.7" in verdict.reason


def test_an_answer_that_does_not_count_does_no_harm(lists: Any) -> None:
    lists.lists("a.test")
    lists.known["1.0.0.127.a.test"] = ["127.255.255.252"]
    assert check(Listed(zone="a.test", answers=["127.0.0.[2..11]"]), NETWORKS, lists, CHANCE).kind is Kind.FINE
    assert check(Listed(zone="a.test"), NETWORKS, lists, CHANCE).kind is Kind.WORLD


def test_a_list_without_an_address_for_tests(lists: Any) -> None:
    assert check(Listed(zone="a.test", test_address=""), NETWORKS, lists, CHANCE).kind is Kind.FINE


def test_names_of_addresses() -> None:
    assert list_name("192.0.2.7", "zen.example") == "7.2.0.192.zen.example"
    assert list_name("2001:db8::1", "zen.example").startswith("1.0.0.0.")


def test_a_real_question(server: Any) -> None:
    resolver = Resolver("127.0.0.1", "127.0.0.153", 0.2, server.port)
    server.known = {"a.test": ["127.0.0.2", "127.0.0.10"], "b.test": "SERVFAIL", "c.test": "silence"}
    assert sorted(resolver.addresses("a.test").addresses) == ["127.0.0.10", "127.0.0.2"]
    assert resolver.addresses("nobody.test").addresses == []
    assert resolver.addresses("nobody.test").fault == ""
    assert resolver.addresses("b.test").fault == "answered SERVFAIL"
    assert resolver.addresses("c.test").fault == "no answer within 0.2 s"
    assert server.sources == {"127.0.0.153"}, "where it is asked from says that no policy shall hold"
    assert resolver.answers()
    assert not Resolver("127.0.0.1", "127.0.0.153", 0.2, 1).answers()
