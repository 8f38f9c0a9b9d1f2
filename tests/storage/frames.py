"""Frames of ATA over Ethernet as they pass a bridge of this host, with their tags of 802.1Q.

Layout: the AoE specification (AoEr11), sections 2 and 3; aoe(4) of Linux, drivers/block/aoe/aoe.h. The kernel takes a tag out of a frame
before a packet socket sees it, and says it beside the frame (packet(7), PACKET_AUXDATA).
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ETH_P_ALL, ETH_P_AOE, ETH_P_8021Q = 0x0003, 0x88A2, 0x8100
# linux/if_packet.h; the socket module does not name them.
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_MR_PROMISC = 263, 1, 8, 1
TP_STATUS_VLAN_VALID = 0x10
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
#: Bytes. By default a socket keeps a dozen jumbo frames, which come in less time than this thread may wait for a busy processor.
HELD = 32 << 20
_AUXDATA = struct.Struct("=IIIHHHH")
_RESPONSE, _ERROR, _WRITE = 0x08, 0x04, 0x01
ATA, CONFIG = 0, 1
_HEADER, _ATA_HEADER = 10, 12
SECTOR = 512


@dataclass(frozen=True)
class Frame:
    """One frame of AoE. vlan: None when it has no tag. data: bytes of a disk that it carries."""

    source: str
    destination: str
    vlan: int | None
    shelf: int
    slot: int
    command: int
    response: bool
    error: int
    write: bool
    data: int

    @property
    def target(self) -> str:
        """The LUN as people write it."""
        return f"{self.shelf}.{self.slot}"


def retagged(frame: bytes, auxiliary: bytes) -> bytes:
    """Put back the tag that the kernel took out, if it did."""
    if len(auxiliary) < _AUXDATA.size:
        return frame
    status, *_, control, protocol = _AUXDATA.unpack_from(auxiliary)
    if not status & TP_STATUS_VLAN_VALID:
        return frame
    return frame[:12] + struct.pack("!HH", protocol or ETH_P_8021Q, control) + frame[12:]


def parse(raw: bytes) -> Frame | None:
    """Read a frame as it is on the wire; None when it is not AoE, or broken off before it says what it is."""
    if len(raw) < 18:
        return None
    vlan, rest = None, raw[12:]
    if struct.unpack_from("!H", rest)[0] == ETH_P_8021Q:
        vlan, rest = struct.unpack_from("!H", rest, 2)[0] & 0x0FFF, rest[4:]
    if struct.unpack_from("!H", rest)[0] != ETH_P_AOE or len(rest) < 2 + _HEADER:
        return None
    flags, error, shelf, slot, command, _ = struct.unpack_from("!BBHBBI", rest, 2)
    body = rest[2 + _HEADER :]
    write, data = False, 0
    if command == ATA and len(body) >= _ATA_HEADER:
        write = bool(body[0] & _WRITE)
        # Short frames are padded by the card, and what is no whole sector is no data.
        data = (len(body) - _ATA_HEADER) // SECTOR * SECTOR
    return Frame(
        source=raw[6:12].hex(":"),
        destination=raw[:6].hex(":"),
        vlan=vlan,
        shelf=shelf,
        slot=slot,
        command=command,
        response=bool(flags & _RESPONSE),
        error=error if flags & _ERROR else 0,
        write=write,
        data=data,
    )


@contextmanager
def seen_on(interface: str, most: int = 20000) -> Iterator[list[Frame]]:
    """Note every frame of AoE that passes an interface of this host while the block runs."""
    frames: list[Frame] = []
    enough = threading.Event()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, HELD)
        listener.bind((interface, ETH_P_ALL))
        listener.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        # A bridge shows what passes it only to who wants everything.
        wish = struct.pack("=iHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b"")
        listener.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, wish)
        listener.settimeout(0.2)

        def listen() -> None:
            while not enough.is_set() and len(frames) < most:
                try:
                    raw, beside, *_ = listener.recvmsg(65536, socket.CMSG_SPACE(_AUXDATA.size))
                except TimeoutError:
                    continue
                if frame := parse(retagged(raw, beside[0][2] if beside else b"")):
                    frames.append(frame)

        ear = threading.Thread(target=listen, daemon=True)
        ear.start()
        try:
            yield frames
        finally:
            # What was sent just before the end has still to come by.
            time.sleep(0.3)
            enough.set()
            ear.join(10)
