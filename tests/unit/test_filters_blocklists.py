"""One list of DNS lists, and what each of those who use it is told."""

from __future__ import annotations

from typing import Any

import pytest

from filter_plugins import blocklists

ZEN: dict[str, Any] = {"zone": "zen.example", "weight": 3, "answers": "127.0.0.[2..11]", "reply": "zen, see http://zen.example/"}
FEED: dict[str, Any] = {"zone": "feed.example", "datasets": [{"type": "ip4set", "rsync": "rsync://us@feed.example/a"}, {"type": "ip4tset"}]}
OWN: dict[str, Any] = {"zone": "bl.example.org", "datasets": [{"type": "ip4set", "entries": ["198.51.100.7 worms"]}]}
THEIRS: dict[str, Any] = {"zone": "theirs.example", "servers": ["192.0.2.53"], "port": 5301}


def test_the_screen_gets_what_it_weighs() -> None:
    picked = blocklists.blocklists_pick([ZEN, FEED], "weight", "answers", "reply")
    assert picked == [ZEN, {"zone": "feed.example"}]


def test_a_zone_with_a_weight_for_each_answer_is_watched_once() -> None:
    first, second = ZEN, {"zone": "zen.example", "answers": "127.0.0.12"}
    assert blocklists.blocklists_watched([first, second, OWN]) == [
        {"zone": "zen.example", "answers": ["127.0.0.[2..11]", "127.0.0.12"]},
        {"zone": "bl.example.org", "answers": [], "datasets": OWN["datasets"]},
    ]
    assert blocklists.blocklists_watched([first, {"zone": "zen.example"}])[0]["answers"] == [], "with every answer counted, all count"


def test_a_zone_is_described_in_one_way() -> None:
    with pytest.raises(ValueError, match=r"zen.example has two different test_address"):
        blocklists.blocklists_watched([ZEN | {"test_address": "127.0.0.3"}, ZEN | {"test_address": "127.0.0.4"}])


def test_zones_are_asked_where_they_are_served() -> None:
    zones = blocklists.blocklists_forward_zones([ZEN, THEIRS, OWN, OWN], "127.0.0.1", 5300)
    assert zones == [
        {"name": "theirs.example", "servers": ["192.0.2.53"], "port": 5301},
        {"name": "bl.example.org", "servers": ["127.0.0.1"], "port": 5300},
    ]


def test_datasets_and_their_files() -> None:
    fetched, beside, own = blocklists.blocklists_datasets([FEED, OWN])
    assert fetched["source"] == "rsync://us@feed.example/a"
    assert fetched["files"] == ["/var/lib/posthouse-blocklists/mirror/feed.example.ip4set.0"]
    assert beside["files"] == ["/etc/posthouse/blocklists/feed.example.ip4tset", "/etc/posthouse/blocklists/feed.example.ip4tset.local"]
    assert own["entries"] == ["198.51.100.7 worms"]


def test_the_sites_own_file_has_the_entry_for_tests_and_the_inventorys() -> None:
    text = blocklists.blocklists_own_file(blocklists.blocklists_datasets([OWN])[0], "postmaster@example.org")
    assert "$SOA 10 localhost postmaster.example.org " in text
    assert text.endswith("127.0.0.2\n198.51.100.7 worms\n")
    six = {"zone": "bl.example.org", "type": "ip6trie", "entries": []}
    assert "127.0.0.2" not in blocklists.blocklists_own_file(six, "postmaster@example.org")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"zone": "zen"}, "'zen' is no zone"),
        ({"zone": "zen.example\nfoo"}, "is no zone"),
        ({"answers": "127.0.0.256"}, "is no filter of answers"),
        ({"answers": "127.0.0.[2-11]"}, "is no filter of answers"),
        ({"weight": 100}, "not between -99 and 99"),
        ({"reply": "see http://zen.example/; from=<you>"}, "without a semicolon"),
        ({"reply": "zwei\nZeilen"}, "one line"),
        ({"servers": ["192.0.2.53"], "datasets": [{"type": "ip4set"}]}, "not both"),
    ],
)
def test_what_nobody_could_use_is_refused_with_the_list_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("'", ".")):
        blocklists.blocklists_pick([ZEN | change], "weight")


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ({"type": "zonefile"}, "knows no dataset zonefile"),
        ({"type": "ip4set", "rsync": "rsync://x/y", "entries": ["192.0.2.1"]}, "not both"),
    ],
)
def test_a_dataset_that_cannot_be_served_is_refused(dataset: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        blocklists.blocklists_datasets([{"zone": "a.example", "datasets": [dataset]}])


def test_the_filters_have_their_names() -> None:
    assert all(callable(found) for found in blocklists.FilterModule().filters().values())
