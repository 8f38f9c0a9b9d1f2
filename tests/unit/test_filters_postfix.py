"""Patterns of an operator, and the lines of a pcre table that come of them."""

from __future__ import annotations

import re

import pytest

from filter_plugins.postfix import pcre_loosely, pcre_rule, postfix_network, postscreen_site


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("^localhost$", "/^localhost$/ REJECT"),
        ("!^mx", "!/^mx/ REJECT"),
        ("a/b", r"/a\/b/ REJECT"),
        (r"a\/b", r"/a\/b/ REJECT"),
        (r"a\\/b", r"/a\\\/b/ REJECT"),
        ("@bulk\\.example$", "/@bulk\\.example$/ REJECT"),
    ],
)
def test_pcre_rule(pattern: str, line: str) -> None:
    assert pcre_rule(pattern, "REJECT") == line


@pytest.mark.parametrize(
    ("pattern", "said"), [("", "no pattern"), ("!", "no pattern"), ("a\nb", "no pattern"), ("(a", "no regular expression")]
)
def test_mistakes_are_named(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pcre_rule(pattern, "REJECT")


@pytest.mark.parametrize(
    ("listed", "item"),
    [
        ({"zone": "zen.example"}, "zen.example*1"),
        ({"zone": "zen.example", "weight": 3, "answers": "127.0.0.[2..11]"}, "zen.example=127.0.0.[2..11]*3"),
        ({"zone": "white.example", "weight": -4}, "white.example*-4"),
        ({"zone": "seen.example", "weight": 0}, "seen.example*0"),
    ],
)
def test_a_list_as_postscreen_reads_it(listed: dict[str, object], item: str) -> None:
    assert postscreen_site(listed) == item


def test_a_weight_that_postscreen_does_not_know() -> None:
    with pytest.raises(ValueError, match=r"zen.example: the weight 100"):
        postscreen_site({"zone": "zen.example", "weight": 100})


@pytest.mark.parametrize("written", ["example.org", r"example\.org", r"\e\x\a\m\p\l\e\.\o\r\g"])
def test_a_text_is_known_through_needless_backslashes(written: str) -> None:
    assert re.fullmatch(pcre_loosely("example.org"), written)


@pytest.mark.parametrize("written", ["examplexorg", r"example\\.org", "example.or"])
def test_another_text_is_not(written: str) -> None:
    assert not re.fullmatch(pcre_loosely("example.org"), written)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.7/32", "192.0.2.7"),
        ("2001:db8:1::/48", "[2001:db8:1::]/48"),
        ("2001:DB8::7", "[2001:db8::7]"),
    ],
)
def test_a_network_for_a_list(given: str, written: str) -> None:
    assert postfix_network(given) == written
