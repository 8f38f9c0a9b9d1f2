"""What strangers wrote drives no terminal."""

import pytest
from posthouse.text import shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü ☃", "plain äöü ☃"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("invoice\u202efdp.exe", "invoice\\u202efdp.exe"),
        ("line\u2028end\ufeff", "line\\u2028end\\ufeff"),
        ("\ud800", "\\ud800"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()


def test_lines_stay_where_lines_are_wanted() -> None:
    assert visible("a\nb\x1b", lines=True) == "a\nb\\x1b"


def test_shortened() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
