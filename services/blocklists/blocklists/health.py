"""How a list is: what it answers for addresses of which the right answer is known (RFC 5782 section 5)."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from .answers import Patterns
from .question import Answer, list_name
from .settings import Listed

#: No list may list it.
NOBODY = "127.0.0.1"


class Kind(StrEnum):
    """What a check finds."""

    FINE = "fine"
    DEAD = "dead"
    WORLD = "lists the world"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, why, and how long the slowest answer took."""

    kind: Kind
    reason: str
    milliseconds: int


class Asked(Protocol):
    """What a check asks."""

    def addresses(self, name: str) -> Answer:
        """Ask for the addresses of a name."""


def check(listed: Listed, never_listed: Sequence[str], resolver: Asked, chance: random.Random) -> Verdict:
    """Ask a list for its test address, for 127.0.0.1 and for one address of each network that nobody sends from."""
    slowest = 0
    counted = Patterns(listed.answers)
    networks = [ipaddress.ip_network(network) for network in never_listed]
    strangers = [str(network[chance.randrange(min(network.num_addresses, 2**32))]) for network in networks]
    for address in [listed.test_address, NOBODY, *strangers]:
        if not address:
            continue
        answer = resolver.addresses(list_name(address, listed.zone))
        slowest = max(slowest, answer.milliseconds)
        if answer.fault:
            return Verdict(Kind.DEAD, answer.fault, slowest)
        hits = [found for found in answer.addresses if counted.matches(found)]
        if address != listed.test_address:
            # What does not count when mail comes does no harm: 127.255.255.254 says "you ask too much", not "listed".
            if hits:
                return Verdict(Kind.WORLD, f"it lists {address} ({hits[0]}), which nobody has a reason to list", slowest)
        elif not hits:
            said = f"says {', '.join(answer.addresses)} for" if answer.addresses else "does not list"
            return Verdict(Kind.DEAD, f"it {said} {address}, which every list lists for tests", slowest)
    return Verdict(Kind.FINE, "", slowest)
