"""Which answers of a list count."""

from __future__ import annotations

import pytest

from services.blocklists.blocklists.answers import AnswersError, Patterns


@pytest.mark.parametrize(
    ("texts", "address", "counts"),
    [
        ([], "127.255.255.254", True),
        (["127.0.0.2"], "127.0.0.2", True),
        (["127.0.0.2"], "127.0.0.3", False),
        (["127.0.0.[2;4..11]"], "127.0.0.3", False),
        (["127.0.0.[2;4..11]"], "127.0.0.11", True),
        (["127.0.[2..14].[1..3]"], "127.0.9.2", True),
        (["127.0.[2..14].[1..3]"], "127.0.15.2", False),
        (["127.0.0.2", "127.0.0.10"], "127.0.0.10", True),
        (["127.0.0.2"], "::1", False),
    ],
)
def test_patterns(texts: list[str], address: str, counts: bool) -> None:
    assert Patterns(texts).matches(address) is counts


@pytest.mark.parametrize("text", ["", "127.0.0", "127.0.0.300", "127.0.0.[2-11]", "127.0.0.[11..2]", "127.0.0.x", "127.0.0.[2..11"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(AnswersError):
        Patterns([text])
