"""AoE devices made ready for use, or every reason why they are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import interface, judge, kernel, survey
from .frames import Identity, Slot
from .wire import Wire

#: How long the driver may take to make a block device of a slot that answers.
_DRIVER_SECONDS = 15.0


@dataclass(slots=True)
class Ready:
    """What became of the wanted devices. problems: sentences; with any, no device may be used."""

    problems: list[str] = field(default_factory=list)
    identities: dict[Slot, Identity] = field(default_factory=dict)
    #: The driver believed in another size; it has been put right, or would be.
    resized: list[Slot] = field(default_factory=list)
    #: The driver had no device of it.
    new: list[Slot] = field(default_factory=list)


def make_ready(name: str, mtu: int, vlan: int, slots: Sequence[Slot], seconds: float, *, check: bool, root: Path = kernel.ROOT) -> Ready:
    """Wait for slots on an interface, try packets of that size with them, and let the driver know them in their present size.

    check: nothing is told to the driver.
    """
    result = Ready()
    wrong = interface.wait(name, mtu, vlan, seconds, root)
    if wrong:
        result.problems.append(wrong)
        return result
    wire = Wire(name)
    try:
        found = survey.look(wire, slots, seconds)
        result.problems += judge.missing(slots, found, interface.own_address(name, root), name)
        for slot in slots:
            _ask(wire, slot, found, mtu, result)
    finally:
        wire.close()
    if not result.problems:
        _tell(name, slots, result, check=check, root=root)
    return result


def _ask(wire: survey.Asking, slot: Slot, found: survey.Found, mtu: int, result: Ready) -> None:
    ports = found.ports(slot)
    identities = {port.source: survey.who(wire, port) for port in ports}
    twice = judge.claimed_twice(slot, identities)
    if twice:
        result.problems.append(twice)
        return
    for port in ports:
        identity = identities[port.source]
        if identity is None:
            result.problems.append(f"AoE device {slot} at {port.source} answers, but does not say who it is: is its file or disk in order?")
            continue
        result.identities[slot] = identity
        wrong = survey.full_size(wire, port, mtu) if mtu else ""
        if wrong:
            result.problems.append(f"{wrong}. Make every card, switch and shelf carry {mtu} bytes, or set the smaller mtu")


def _tell(name: str, slots: Sequence[Slot], result: Ready, *, check: bool, root: Path) -> None:
    result.new = [slot for slot in slots if not kernel.ready(slot, root)]
    if result.new and not check:
        for slot in kernel.wait(slots, name, _DRIVER_SECONDS, root):
            result.problems.append(f"AoE device {slot} answers, but the kernel makes no disk of it: 'journalctl -k -g aoe' says why")
    for slot in slots:
        known = kernel.state(slot, root)
        if known is None or (slot in result.new and check):
            continue
        if known.interface != name:
            result.problems.append(f"the kernel reaches AoE device {slot} by {known.interface} and not by {name}: restart the machine")
        size = result.identities[slot].size
        if known.size != size:
            result.resized.append(slot)
            if not check and not kernel.wait_for_size(slot, size, _DRIVER_SECONDS, root):
                result.problems.append(f"AoE device {slot} has {size} bytes, but the kernel still believes in {known.size}")
