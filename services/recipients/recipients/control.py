"""The service's door for its operator: one JSON request a line on a local socket, one JSON answer."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
#: Longest wait for an answer, in seconds: a refresh of a large directory takes its time.
PATIENCE = 120.0


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            request = json.loads(self.rfile.readline(4096))
            answer = self.server.answer(request)  # type: ignore[attr-defined]
        except (ValueError, TypeError, KeyError) as fault:
            answer = {"error": f"bad request: {fault}"}
        with contextlib.suppress(BrokenPipeError):
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Door(socketserver.ThreadingUnixStreamServer):
    """Listens in a thread of its own and asks ``answer`` for each request."""

    daemon_threads = True

    def __init__(self, path: str, answer: Callable[[Answer], Answer]) -> None:
        Path(path).unlink(missing_ok=True)
        self.answer = answer
        super().__init__(path, _Handler)
        Path(path).chmod(0o600)
        self._thread = threading.Thread(target=self.serve_forever, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()


def ask(path: str, request: Answer, patience: float = PATIENCE) -> Answer:
    """Ask the running service. Raises OSError when it does not run or does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience)
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline()
    if not line:
        raise OSError(f"{path}: no answer")
    answer: Answer = json.loads(line)
    return answer
