"""Asks shelves for their LUNs by frames of our own: a question that cannot hang, unlike a read from a disk that is away.

The kernel shows a LUN that is unplugged as up for as long as it may wait for it (aoe_deadsecs), so its word is not enough.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterable

_AOE = 0x88A2
_EVERYBODY = b"\xff" * 6
_RESPONSE = 0x08
#: Version 1; command 1 is a query of the configuration (AoE, revision 11, 2.2 and 4).
_HEADER, _VERSION, _CONFIG = struct.Struct("!BBHBBI"), 0x10, 1
#: The kernel's own tags have this bit unset (aoecmd.c, newtag), so it takes no answer of ours for one of its own.
_OURS = 0x80000000


def answering(interface: str, addresses: Iterable[str], patience: float = 1.0, tries: int = 3) -> set[str]:
    """Return the addresses, such as "1.0", from which a shelf answers on this interface. Raises OSError when it cannot be asked.

    patience: seconds for each try; who has answered is not asked again.
    """
    wanted = set(addresses)
    found: set[str] = set()
    if not wanted:
        return found
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, socket.htons(_AOE)) as raw:
        raw.bind((interface, _AOE))
        source = raw.getsockname()[4]
        tag = _OURS | int.from_bytes(os.urandom(3))
        for _ in range(tries):
            for address in sorted(wanted - found):
                raw.send(question(source, address, tag))
            until = time.monotonic() + patience
            while wanted - found and (left := until - time.monotonic()) > 0 and select.select([raw], [], [], left)[0]:
                answer = answered(raw.recv(65536), tag)
                found |= {answer} & wanted if answer else set()
            if found == wanted:
                break
    return found


def question(source: bytes, address: str, tag: int) -> bytes:
    """Return the frame that asks the LUN at this address how it is configured."""
    shelf, slot = (int(part) for part in address.split("."))
    header = _HEADER.pack(_VERSION, 0, shelf, slot, _CONFIG, tag)
    return (_EVERYBODY + source + struct.pack("!H", _AOE) + header + struct.pack("!HHBBH", 0, 0, 0, 0, 0)).ljust(60, b"\0")


def answered(frame: bytes, tag: int) -> str | None:
    """Return the address of the LUN that answered a question with this tag, or None when the frame is something else."""
    if len(frame) < 14 + _HEADER.size or frame[12:14] != struct.pack("!H", _AOE):
        return None
    flags, error, shelf, slot, command, theirs = _HEADER.unpack_from(frame, 14)
    return f"{shelf}.{slot}" if flags & _RESPONSE and not error and command == _CONFIG and theirs == tag else None
