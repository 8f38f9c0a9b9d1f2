"""Frames of AoE sent and received on one interface, beside the kernel's own."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator

from .frames import ETHERTYPE, Frame, parse

_ROOM = 65536


class Wire:
    """An interface on which questions are asked. Needs CAP_NET_RAW."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        self._socket.bind((interface, ETHERTYPE))
        self.address: bytes = self._socket.getsockname()[4][:6]
        # The kernel's driver numbers its questions by time and target; upper half never zero here, so that no answer is taken for its.
        self._tag = int.from_bytes(os.urandom(2), "big") << 16 | 0x80000000

    def close(self) -> None:
        """Let go of the interface."""
        self._socket.close()

    def next_tag(self) -> int:
        """Return a number for a question."""
        self._tag = (self._tag & 0xFFFF0000) | (self._tag + 1 & 0xFFFF)
        return self._tag

    def send(self, frame: bytes) -> str:
        """Send a frame. Returns why not, empty when it went: one longer than the interface's MTU does not."""
        try:
            self._socket.send(frame)
        except OSError as fault:
            return fault.strerror or str(fault)
        return ""

    def answers(self, tag: int, seconds: float) -> Iterator[Frame]:
        """Give answers to one question as they come, until so many seconds are over."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                frame = parse(self._socket.recv(_ROOM))
                if frame and frame.tag == tag:
                    yield frame
