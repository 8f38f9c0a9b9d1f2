"""Frames of ATA over Ethernet (protocol version 1), written and read."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

ETHERTYPE = 0x88A2
BROADCAST = b"\xff" * 6
ANY_SHELF, ANY_SLOT = 0xFFFF, 0xFF
SECTOR = 512

_ATA, _CONFIG = 0, 1
_VERSION, _RESPONSE, _ERROR = 0x10, 0x08, 0x04
_HEAD = struct.Struct("!6s6sHBBHBBI")
_CONFIG_HEAD = struct.Struct("!HHBBH")
_ATA_HEAD = struct.Struct("!BBBB6sH")
_IDENTIFY, _READ_EXTENDED = 0xEC, 0x24
_EXTENDED = 0x40
_DEVICE_FAULTS = 0x21  # ERR and DF of the status register
_SLOT = re.compile(r"(\d+)\.(\d+)")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")

#: What the heads of a frame that carries data take of an interface's MTU.
OVERHEAD = _HEAD.size - 14 + _ATA_HEAD.size


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One device of a shelf."""

    shelf: int
    slot: int

    def __str__(self) -> str:
        return f"{self.shelf}.{self.slot}"

    @classmethod
    def of(cls, text: str) -> Slot:
        """Read "1.0". Raises ValueError with a sentence."""
        match = _SLOT.fullmatch(str(text))
        if not match or int(match[1]) >= ANY_SHELF or int(match[2]) >= ANY_SLOT:
            raise ValueError(f"{text!r} is no AoE device: shelf, dot, slot, as 1.0 (0 to 65534 and 0 to 254)")
        return cls(int(match[1]), int(match[2]))


EVERYBODY = Slot(ANY_SHELF, ANY_SLOT)


@dataclass(frozen=True, slots=True)
class Frame:
    """An answer. source: the hardware address that sent it. error: the protocol's code, 0 for none."""

    source: str
    slot: Slot
    command: int
    tag: int
    error: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Config:
    """What a device says of itself. sectors: as many it takes in one frame; buffers: so many frames at once."""

    source: str
    slot: Slot
    buffers: int
    firmware: int
    sectors: int
    text: str


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says when ATA asks. size in bytes."""

    model: str
    serial: str
    size: int


def address(text: str) -> bytes:
    """Return a hardware address as its six bytes."""
    if not _MAC.fullmatch(text):
        raise ValueError(f"{text!r} is no hardware address")
    return bytes.fromhex(text.replace(":", ""))


def config_query(source: bytes, slot: Slot, tag: int, size: int = 0) -> bytes:
    """Return a question for a slot's configuration, filled up with zeros to a packet of that size (without the Ethernet head)."""
    head = _HEAD.pack(BROADCAST, source, ETHERTYPE, _VERSION, 0, slot.shelf, slot.slot, _CONFIG, tag)
    return (head + _CONFIG_HEAD.pack(0, 0, 0, 0, 0)).ljust(max(60, size + 14), b"\0")


def identify(destination: bytes, source: bytes, slot: Slot, tag: int) -> bytes:
    """Return ATA's question who a device is."""
    return _ata(destination, source, slot, tag, sectors=1, command=_IDENTIFY, flags=0)


def read(destination: bytes, source: bytes, slot: Slot, tag: int, sectors: int) -> bytes:
    """Return a request for a device's first sectors."""
    return _ata(destination, source, slot, tag, sectors=sectors, command=_READ_EXTENDED, flags=_EXTENDED)


def _ata(destination: bytes, source: bytes, slot: Slot, tag: int, *, sectors: int, command: int, flags: int) -> bytes:
    head = _HEAD.pack(destination, source, ETHERTYPE, _VERSION, 0, slot.shelf, slot.slot, _ATA, tag)
    return (head + _ATA_HEAD.pack(flags, 0, sectors, command, b"\0" * 6, 0)).ljust(60, b"\0")


def parse(frame: bytes) -> Frame | None:
    """Return an answer; None for what is none."""
    if len(frame) < _HEAD.size:
        return None
    _, source, kind, flags, error, shelf, slot, command, tag = _HEAD.unpack_from(frame)
    if kind != ETHERTYPE or flags & 0xF0 != _VERSION or not flags & _RESPONSE:
        return None
    failed = error or 1 if flags & _ERROR else 0
    return Frame(source.hex(":"), Slot(shelf, slot), command, tag, failed, frame[_HEAD.size :])


def config_of(frame: Frame) -> Config | None:
    """Return what a device says of itself; None when the answer is to something else, or short."""
    if frame.command != _CONFIG or frame.error or len(frame.body) < _CONFIG_HEAD.size:
        return None
    buffers, firmware, sectors, _, length = _CONFIG_HEAD.unpack_from(frame.body)
    text = frame.body[_CONFIG_HEAD.size : _CONFIG_HEAD.size + length].decode("ascii", "replace")
    return Config(frame.source, frame.slot, buffers, firmware, sectors, text)


def ata_data(frame: Frame, length: int) -> bytes | None:
    """Return what was read; None when the device could not, or sent less."""
    if frame.command != _ATA or frame.error or len(frame.body) < _ATA_HEAD.size + length:
        return None
    status = _ATA_HEAD.unpack_from(frame.body)[3]
    return None if status & _DEVICE_FAULTS else frame.body[_ATA_HEAD.size : _ATA_HEAD.size + length]


def identity_of(frame: Frame) -> Identity | None:
    """Return who a device is; None when it did not say."""
    data = ata_data(frame, SECTOR)
    if data is None:
        return None
    words = struct.unpack("<256H", data)
    extended = (words[83] | words[86]) & 1 << 10
    sectors = struct.unpack_from("<Q", data, 200)[0] if extended else struct.unpack_from("<I", data, 120)[0]
    return Identity(_text(words[27:47]), _text(words[10:20]), sectors * SECTOR)


def _text(words: tuple[int, ...]) -> str:
    # ATA writes the first letter of two into the word's upper half.
    raw = b"".join(struct.pack(">H", word) for word in words)
    return raw.decode("ascii", "replace").replace("\0", " ").strip()


def most_sectors(mtu: int) -> int:
    """Return how many sectors go into one packet of that size; two go into the common 1500."""
    return min(255, max(0, (mtu - OVERHEAD) // SECTOR))
