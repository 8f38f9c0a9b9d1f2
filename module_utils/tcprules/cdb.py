"""Read and write constant databases (CDB) as ucspi-tcp's cdb.c, cdb_make.c and cdb_hash.c lay them out.

A file of ours is byte for byte the file that tcprules writes for the same records, so that check mode can tell
a difference on a machine that has no tcprules yet.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

HEADER = 2048
PAIR = struct.Struct("<II")


def cdb_hash(key: bytes) -> int:
    """Return the 32-bit hash of a key: h = h * 33 XOR byte, from 5381."""
    value = 5381
    for byte in key:
        value = ((value << 5) + value & 0xFFFFFFFF) ^ byte
    return value


def write(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Build the file for these (key, data) records, in this order."""
    body = bytearray()
    tables: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    for key, data in records:
        value = cdb_hash(key)
        tables[value & 255].append((value, HEADER + len(body)))
        body += PAIR.pack(len(key), len(data)) + key + data
    header = bytearray()
    for table in tables:
        slots = [(0, 0)] * (2 * len(table))
        header += PAIR.pack(HEADER + len(body), len(slots))
        for value, position in table:
            slot = (value >> 8) % len(slots)
            while slots[slot][1]:
                slot = (slot + 1) % len(slots)
            slots[slot] = (value, position)
        body += b"".join(PAIR.pack(*slot) for slot in slots)
    return bytes(header + body)


def records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the records of a file in their order. Raises ValueError for a file that is no CDB."""
    if len(data) < HEADER:
        raise ValueError(f"a CDB has at least {HEADER} bytes, this file has {len(data)}")
    # Records end where the first hash table begins.
    end = min(PAIR.unpack_from(data, 8 * table)[0] for table in range(256))
    position = HEADER
    while position < end:
        if position + PAIR.size > len(data):
            raise ValueError(f"the record at byte {position} goes beyond the end of the file")
        key_length, data_length = PAIR.unpack_from(data, position)
        start = position + PAIR.size
        position = start + key_length + data_length
        if position > len(data):
            raise ValueError(f"the record at byte {start} goes beyond the end of the file")
        yield data[start : start + key_length], data[start + key_length : position]


def read(data: bytes) -> dict[bytes, bytes]:
    """Return what a look-up in this file sees: of two records with one key, the first."""
    found: dict[bytes, bytes] = {}
    for key, value in records(data):
        found.setdefault(key, value)
    return found
