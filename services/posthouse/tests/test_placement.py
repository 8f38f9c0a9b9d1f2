"""Everybody finds a person's copies on the same machines, and a new machine moves few people."""

from collections import Counter

import pytest
from posthouse.placement import address, places, unusable

_MACHINES = [f"backup{number}.example.edu" for number in range(1, 5)]
_PEOPLE = [f"person{number}" for number in range(2000)]


def test_a_person_has_so_many_different_machines_as_asked_for() -> None:
    assert len(set(places("alice", _MACHINES, 2))) == 2
    assert places("alice", _MACHINES, 2)[0] == places("alice", _MACHINES, 1)[0]


def test_the_order_of_the_inventory_counts_for_nothing() -> None:
    assert places("alice", _MACHINES, 3) == places("alice", _MACHINES[::-1], 3)


def test_more_copies_than_machines_means_all() -> None:
    assert sorted(places("alice", _MACHINES[:2], 9)) == _MACHINES[:2]
    assert places("alice", [], 1) == places("alice", _MACHINES, 0) == []


def test_people_are_spread_evenly() -> None:
    found = Counter(places(one, _MACHINES, 1)[0] for one in _PEOPLE)
    assert min(found.values()) > 400
    assert max(found.values()) < 600


def test_a_new_machine_moves_nobody_between_the_others() -> None:
    for one in _PEOPLE:
        before, after = places(one, _MACHINES[:3], 1), places(one, _MACHINES, 1)
        assert after in (before, _MACHINES[3:])


@pytest.mark.parametrize("uid", ["alice", "o'hara", "joe+x", "a b", "xn--jrg-sna", "x" * 255, "a."])
def test_ordinary_names_are_usable(uid: str) -> None:
    assert unusable(uid) == ""


@pytest.mark.parametrize("uid", ["", ".alice", "..", "a/b", "a@b", "a\0b", "a\nb", "a\x7fb", "x" * 256, "jörg"])
def test_names_that_are_no_folder_or_no_address_are_refused(uid: str) -> None:
    assert unusable(uid).startswith("it ")


@pytest.mark.parametrize(
    ("uid", "written"),
    [
        ("alice", "alice@b.example"),
        ("o'hara+x", "o'hara+x@b.example"),
        ("a.b", "a.b@b.example"),
        ("a b", '"a b"@b.example'),
        ("a..b", '"a..b"@b.example'),
        ('a"b\\', '"a\\"b\\\\"@b.example'),
        ("a,b", '"a,b"@b.example'),
    ],
)
def test_an_address_is_quoted_where_it_must_be(uid: str, written: str) -> None:
    assert address(uid, "b.example") == written
