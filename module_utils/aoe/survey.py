"""Who answers on a storage network, and whether full-size frames reach them: questions only, nothing is written to a device."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .frames import (
    EVERYBODY,
    SECTOR,
    Config,
    Frame,
    Identity,
    Slot,
    address,
    ata_data,
    config_of,
    config_query,
    identify,
    identity_of,
    most_sectors,
    read,
)

#: Seconds that one question waits; a shelf on the same network answers within milliseconds, an emulated one within a tenth.
PATIENCE = 1.0
#: … and so long somebody else is listened for who says to be the same device, after all have answered.
_SECOND = 0.3
_TRIES = 3


class Asking(Protocol):
    """What a survey needs of wire.Wire."""

    address: bytes

    def next_tag(self) -> int:
        """Return a number for a question."""

    def send(self, frame: bytes) -> str:
        """Send a frame; return why not."""

    def answers(self, tag: int, seconds: float) -> Iterable[Frame]:
        """Give answers as they come."""


@dataclass(slots=True)
class Found:
    """Slot → the ports that answer for it."""

    configs: dict[Slot, dict[str, Config]] = field(default_factory=dict)

    def hear(self, frame: Frame) -> None:
        """Remember an answer, when it says who somebody is."""
        if config := config_of(frame):
            self.configs.setdefault(config.slot, {})[config.source] = config

    def ports(self, slot: Slot) -> list[Config]:
        """Return the ports of a slot."""
        return [config for _, config in sorted(self.configs.get(slot, {}).items())]


def look(wire: Asking, wanted: Sequence[Slot], seconds: float) -> Found:
    """Ask until all wanted slots have answered, or the time is over; without any, listen once for all that answer."""
    found = Found()
    end = time.monotonic() + seconds
    while True:
        tag = wire.next_tag()
        wire.send(config_query(wire.address, EVERYBODY, tag))
        for frame in wire.answers(tag, PATIENCE):
            found.hear(frame)
            if wanted and all(slot in found.configs for slot in wanted):
                # The driver would take a second shelf of that number for another path to the first, and write to both in turn.
                for late in wire.answers(tag, _SECOND):
                    found.hear(late)
                return found
        if not wanted or time.monotonic() >= end:
            return found


def who(wire: Asking, config: Config) -> Identity | None:
    """Ask a device for model, serial number and size."""
    for _ in range(_TRIES):
        tag = wire.next_tag()
        wire.send(identify(address(config.source), wire.address, config.slot, tag))
        for frame in wire.answers(tag, PATIENCE):
            return identity_of(frame)
    return None


def full_size(wire: Asking, config: Config, mtu: int) -> str:
    """Try packets of that size there and back. Returns what is wrong, empty when both went through."""
    need = most_sectors(mtu)
    if config.sectors < need:
        return (
            f"{config.slot} takes {config.sectors * SECTOR} bytes a frame, and packets of {mtu} bytes carry {need * SECTOR}: "
            "the shelf's own interface has a smaller MTU"
        )
    refused = ""
    for _ in range(_TRIES):
        tag = wire.next_tag()
        refused = wire.send(config_query(wire.address, config.slot, tag, mtu))
        if refused:
            return f"a packet of {mtu} bytes was not sent ({refused}): this machine's interface has a smaller MTU"
        if any(frame.source == config.source for frame in wire.answers(tag, PATIENCE)):
            break
    else:
        return f"a packet of {mtu} bytes does not reach {config.slot} at {config.source}, small ones do: its path has a smaller MTU"
    for _ in range(_TRIES):
        tag = wire.next_tag()
        wire.send(read(address(config.source), wire.address, config.slot, tag, need))
        for frame in wire.answers(tag, PATIENCE):
            if ata_data(frame, need * SECTOR) is not None:
                return ""
            return f"{config.slot} at {config.source} answers a read of its first {need} sectors with an error"
    return f"{config.slot} at {config.source} gets packets of {mtu} bytes, but its own do not come back: its path has a smaller MTU"
