"""A filter that takes releases by AM.PDP and answers what a test tells it, for breaks and races that the real one has seldom."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_to_bytes

SENT = b"setreply=250 2.0.0 Ok%2C%20queued\r\n\r\n"


class Filter:
    """Answers AM.PDP requests on a unix socket and keeps them."""

    def __init__(self, path: Path) -> None:
        self.path, self.answer = path, SENT
        self.requests: list[list[tuple[str, bytes]]] = []
        self.before: Callable[[], None] = lambda: None
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        with line:
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                asked += line.recv(4096)
            pairs = [one.split(b"=", 1) for one in asked.strip().split(b"\r\n")]
            self.requests.append([(name.decode(), unquote_to_bytes(value)) for name, value in pairs])
            self.before()
            line.sendall(self.answer)

    def close(self) -> None:
        if self._door.fileno() >= 0:
            self._door.shutdown(socket.SHUT_RDWR)
            self._door.close()
