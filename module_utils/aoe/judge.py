"""Sentences about devices that are not as the inventory promises: what is seen, why that is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .frames import Identity, Slot
from .survey import Found


def missing(wanted: Sequence[Slot], found: Found, own: str, interface: str) -> list[str]:
    """Return a sentence for each wanted slot that did not answer."""
    said = []
    shelves = {slot.shelf for slot in found.configs}
    for slot in wanted:
        if slot in found.configs:
            continue
        where = f"AoE device {slot} does not answer on {interface}"
        if not found.configs:
            said.append(
                f"{where}, nor does any other: is the cable in, the VLAN right (here and on the switch), the shelf on, "
                f"and is {own} among those it lets in?"
            )
        elif slot.shelf in shelves:
            slots = ", ".join(str(one) for one in sorted(found.configs) if one.shelf == slot.shelf)
            said.append(f"{where}; of shelf {slot.shelf} there are {slots}: is the LUN exported, and does it let in {own}?")
        else:
            others = ", ".join(str(one) for one in sorted(found.configs))
            said.append(
                f"{where}, and no shelf {slot.shelf} is there; there are {others}: is the shelf's number right, and does it let in {own}?"
            )
    return said


def claimed_twice(slot: Slot, identities: Mapping[str, Identity | None]) -> str:
    """Return a sentence when ports of different devices answer for one slot; several ports of one device are paths to it.

    identities: hardware address → what answered there.
    """
    known = {identity for identity in identities.values() if identity}
    if len(known) < 2:
        return ""
    who = "; ".join(f"{port} ({identity.serial}, {identity.size} bytes)" for port, identity in sorted(identities.items()) if identity)
    return f"two devices call themselves {slot}: {who}. Give one of the shelves another number before either is used"
