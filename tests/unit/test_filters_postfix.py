"""Patterns of an operator, and the lines of a pcre table that come of them."""

from __future__ import annotations

import pytest

from filter_plugins.postfix import pcre_rule


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
