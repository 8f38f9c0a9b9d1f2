"""clamd's protocol as far as it is needed (man clamd, COMMANDS): PING, RELOAD, VERSION, INSTREAM."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

from .databases import PROBE, token_of


class Clamd:
    """One clamd behind a unix socket. Every question is a connection of its own, bounded in time."""

    def __init__(self, path: Path, patience: float = 20.0) -> None:
        """path: the socket. patience: seconds one question may take."""
        self._path, self._patience = path, patience

    def _ask(self, command: bytes, data: bytes | None = None) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._patience)
            connection.connect(str(self._path))
            connection.sendall(b"z" + command + b"\0")
            if data is not None:
                connection.sendall(struct.pack("!I", len(data)) + data + struct.pack("!I", 0))
            answer = b""
            while not answer.endswith(b"\0"):
                piece = connection.recv(4096)
                if not piece:
                    break
                answer += piece
        return answer.rstrip(b"\0\n").decode(errors="replace")

    def ping(self) -> bool:
        """Tell whether it answers."""
        try:
            return self._ask(b"PING") == "PONG"
        except OSError:
            return False

    def reload(self) -> None:
        """Ask it to read its databases again; it goes on with the old ones until the new ones are ready. Raises OSError."""
        answer = self._ask(b"RELOAD")
        if answer != "RELOADING":
            raise OSError(f"clamd answers {answer!r} to RELOAD")

    def scan(self, data: bytes) -> str:
        """Return what it sees in some bytes: a signature's name, or nothing. Raises OSError when it cannot tell."""
        answer = self._ask(b"INSTREAM", data).removeprefix("stream: ")
        if answer == "OK":
            return ""
        if answer.endswith(" FOUND"):
            return answer.removesuffix(" FOUND").removesuffix(".UNOFFICIAL")
        raise OSError(f"clamd answers {answer!r}")

    def sees(self) -> bool:
        """Tell whether it finds the probe that every set knows."""
        try:
            return self.scan(PROBE) != ""
        except OSError:
            return False

    def serves(self, identity: str) -> bool:
        """Tell whether it works with this set."""
        try:
            return self.scan(token_of(identity)) != ""
        except OSError:
            return False

    def wait_until_it_serves(self, identity: str, seconds: float) -> bool:
        """Ask until it works with this set, or time is up."""
        end = time.monotonic() + seconds
        pause = 0.1
        while not self.serves(identity):
            if time.monotonic() >= end:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 3.0)
        return True
