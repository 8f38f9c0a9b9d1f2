"""The answers of a list that count, in the language of postscreen_dnsbl_sites (postconf(5))."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_OCTET = re.compile(r"\d{1,3}|\[\d{1,3}(?:\.\.\d{1,3})?(?:;\d{1,3}(?:\.\.\d{1,3})?)*\]")
_SPLIT = re.compile(r"\.(?![^\[]*\])")


class AnswersError(ValueError):
    """This is no pattern of answers; the message says so."""


class Pattern:
    """Four numbers with dots between; each may be [a;b..c], any of these."""

    def __init__(self, text: str) -> None:
        """Read a pattern. Raises AnswersError."""
        self.octets: list[set[int]] = []
        parts = _SPLIT.split(text)
        if len(parts) != 4 or not all(_OCTET.fullmatch(part) for part in parts):
            raise AnswersError(f"{text} is no pattern of answers: write it like 127.0.0.2 or 127.0.0.[2;4..11]")
        for part in parts:
            numbers: set[int] = set()
            for piece in part.strip("[]").split(";"):
                first, _, last = piece.partition("..")
                numbers.update(range(int(first), int(last or first) + 1))
            if not numbers or max(numbers) > 255:
                raise AnswersError(f"{text} is no pattern of answers: {part} holds no number from 0 to 255, or another one")
            self.octets.append(numbers)

    def matches(self, address: str) -> bool:
        """Tell whether an answer fits."""
        try:
            numbers = ipaddress.IPv4Address(address).packed
        except ValueError:
            return False
        return all(number in allowed for number, allowed in zip(numbers, self.octets, strict=True))


class Patterns:
    """Patterns of which an answer has to fit one; without any, every answer does."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Read them. Raises AnswersError."""
        self.patterns = [Pattern(text) for text in texts]

    def matches(self, address: str) -> bool:
        """Tell whether an answer counts."""
        return not self.patterns or any(pattern.matches(address) for pattern in self.patterns)
