"""Show what strangers wrote without letting it drive the terminal."""

from __future__ import annotations

import unicodedata

#: Controls, formats (also those that turn the direction of writing), surrogates, private use, unassigned, line and paragraph ends.
_HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINER = "\u200d"  # between the parts of an emoji it does no harm


def visible(text: str, lines: bool = False) -> str:
    """Return text in which every character that could do more than be seen is written as its escape; with lines, line ends stay."""
    kept = {_JOINER, "\n", "\t"} if lines else {_JOINER}
    return "".join(
        one if one in kept or unicodedata.category(one) not in _HARMFUL else one.encode("unicode_escape", "backslashreplace").decode()
        for one in text
    )


def shortened(text: str, width: int) -> str:
    """Return text of at most width characters, with an ellipsis where something was left out."""
    return text if len(text) <= width else text[: width - 1] + "…"
