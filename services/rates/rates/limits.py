"""Who is counted, by which numbers, and what a letter comes to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

#: A number that nobody reaches.
NONE = -1
#: Bits of an IPv6 address that name a network (RFC 4291 section 2.5.1).
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose recipients are counted: a person by login, or a device by the address of a client that did not log in."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Write it as logs and operators do: person:al, device:192.0.2.7."""
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Recipients in a window: with more than soft a warning is due, with more than hard a letter is kept. NONE is no limit, 0 nobody."""

    soft: int
    hard: int

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if min(self.soft, self.hard) < NONE or (self.hard != NONE and self.soft > self.hard):
            raise ValueError(f"soft {self.soft} and hard {self.hard} are numbers from 0 on, or -1 for none, and soft is not above hard")

    def with_hard(self, hard: int) -> Numbers:
        """Return numbers with another hard limit, and the soft one in the same proportion."""
        if hard < 0:
            return Numbers(NONE, NONE)
        if self.soft == NONE:
            return Numbers(NONE, hard)
        return Numbers(hard * self.soft // self.hard if self.hard > 0 else hard, hard)


class Verdict(Enum):
    """What becomes of a letter."""

    PASS = "pass"  # noqa: S105  no password
    HOLD = "hold"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Count:
    """A letter that has been counted."""

    verdict: Verdict
    #: Recipients in the window, with this letter's when it passes.
    used: int
    #: Whether the holder is to be told, for the first time in a window: of coming near the limit, of a letter that is kept.
    tell_soft: bool = False
    tell_hard: bool = False


def judge(used: int, waiting: int, recipients: int, numbers: Numbers, most_waiting: int) -> Verdict:
    """Decide about a letter. used: recipients in the window before it. waiting: letters kept in it, of which most_waiting may be."""
    if numbers.hard == NONE or used + recipients <= numbers.hard:
        return Verdict.PASS
    return Verdict.HOLD if waiting < most_waiting else Verdict.LATER


def counted(used: int, waiting: int, recipients: int, numbers: Numbers, most_waiting: int, told: tuple[bool, bool]) -> Count:
    """Judge a letter and say what is to be told. told: whether soft and hard were told within the window."""
    verdict = judge(used, waiting, recipients, numbers, most_waiting)
    if verdict is not Verdict.PASS:
        return Count(verdict, used, tell_hard=verdict is Verdict.HOLD and not told[1])
    used += recipients
    return Count(verdict, used, tell_soft=numbers.soft != NONE and used > numbers.soft and not any(told))


class Networks:
    """Numbers of devices by network: the longest prefix counts."""

    def __init__(self, given: Iterable[tuple[str, Numbers]], otherwise: Numbers) -> None:
        """Raises ValueError for what is no network."""
        found = [(ipaddress.ip_network(network), numbers) for network, numbers in given]
        self._networks = sorted(found, key=lambda one: one[0].prefixlen, reverse=True)
        self._otherwise = otherwise

    def device(self, address: str) -> tuple[Holder, Numbers]:
        """Return as whom a device is counted, and by which numbers. Raises ValueError for what is no address.

        With IPv6 whoever is in a network may take any address of it, another for each letter, so the network is counted. Only an address
        for which somebody has given numbers (by more than 64 bits) is counted by itself.
        """
        found = ipaddress.ip_address(address.partition("/")[0])
        prefix, numbers = next(
            ((network.prefixlen, numbers) for network, numbers in self._networks if found in network), (0, self._otherwise)
        )
        by_network = found.version == 6 and prefix <= _TOGETHER
        return Holder("device", str(ipaddress.ip_network(f"{found}/{_TOGETHER}", strict=False) if by_network else found)), numbers
