"""Write and read constant databases: the format of D. J. Bernstein's cdb(5), which postfix-cdb reads."""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

_PAIR = struct.Struct("<II")
_HEADER = 256 * _PAIR.size
#: Positions are 32 bits wide.
_LARGEST = 0xFFFFFFFF


def build(records: Mapping[bytes, bytes]) -> bytes:
    """Return the database that holds these records. Raises ValueError when it would be larger than 4 GiB."""
    body = bytearray()
    buckets: list[list[tuple[int, int]]] = [[] for _ in range(256)]
    pack = _PAIR.pack
    for key, data in records.items():
        code = 5381
        for byte in key:
            code = (code * 33 & _LARGEST) ^ byte
        buckets[code & 255].append((code, _HEADER + len(body)))
        body += pack(len(key), len(data)) + key + data
    header = bytearray()
    for bucket in buckets:
        slots = 2 * len(bucket)
        header += pack(_HEADER + len(body), slots)
        table = [(0, 0)] * slots
        for code, position in bucket:
            slot = (code >> 8) % slots
            while table[slot][1]:
                slot = (slot + 1) % slots
            table[slot] = (code, position)
        body += b"".join(pack(*entry) for entry in table)
    if _HEADER + len(body) > _LARGEST:
        raise ValueError("the table would be larger than the 4 GiB that a constant database can hold")
    return bytes(header + body)


class Reader:
    """Look up keys in a database, as Postfix does. Raises OSError when there is none and ValueError when it is broken."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size < _HEADER:
                raise ValueError(f"{path} is no constant database")
            self._data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        """Return how many records there are."""
        return sum(int(_PAIR.unpack_from(self._data, 8 * index)[1]) for index in range(256)) // 2

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Return all records, in the order in which they were written."""
        position = _HEADER
        end = min(_PAIR.unpack_from(self._data, 8 * index)[0] for index in range(256))
        while position < end:
            key_length, data_length = _PAIR.unpack_from(self._data, position)
            begin = position + 8
            middle = begin + key_length
            position = middle + data_length
            yield bytes(self._data[begin:middle]), bytes(self._data[middle:position])

    def get(self, key: bytes) -> bytes | None:
        """Return the data of a key."""
        code = 5381
        for byte in key:
            code = (code * 33 & _LARGEST) ^ byte
        start, slots = _PAIR.unpack_from(self._data, 8 * (code & 255))
        for step in range(slots):
            slot = ((code >> 8) + step) % slots
            found, position = _PAIR.unpack_from(self._data, start + 8 * slot)
            if not position:
                return None
            if found == code:
                key_length, data_length = _PAIR.unpack_from(self._data, position)
                begin = position + 8
                if self._data[begin : begin + key_length] == key:
                    return bytes(self._data[begin + key_length : begin + key_length + data_length])
        return None
