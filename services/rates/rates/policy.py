"""Postfix's questions (SMTPD_POLICY_README): read a request, answer with an action."""

from __future__ import annotations

import logging
import socketserver
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

_log = logging.getLogger(__name__)
#: An attribute is as long as an SMTP command at most, and there are about forty.
_LONGEST_LINE, _MOST_LINES = 8192, 200
Request = Mapping[str, str]


class ProtocolError(ValueError):
    """What came is no request."""


def requests(stream: BinaryIO) -> Iterator[Request]:
    """Yield the requests of a connection. Raises ProtocolError."""
    found: dict[str, str] = {}
    while line := stream.readline(_LONGEST_LINE):
        if not line.endswith(b"\n") or len(found) > _MOST_LINES:
            raise ProtocolError("a request that is cut off or has no end")
        # Addresses may hold any byte: what is not UTF-8 is kept in a form that can be written again.
        text = line[:-1].decode(errors="surrogateescape")
        if text:
            name, equals, value = text.partition("=")
            if not equals:
                raise ProtocolError("a line that is no attribute")
            found[name] = value
        else:
            yield found
            found = {}


def answer(action: str) -> bytes:
    """Write an answer; whatever is in it, it stays one line."""
    line = "".join(one if one.isprintable() else "?" for one in action)
    return f"action={line}\n\n".encode("ascii", "replace")


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            for request in requests(self.rfile):  # type: ignore[arg-type]  # it reads bytes
                self.wfile.write(answer(self.server.decide(request)))  # type: ignore[attr-defined]
        except ProtocolError as fault:
            _log.warning("a question was not understood: %s", fault)
        except (BrokenPipeError, ConnectionResetError):
            # Whoever asked no longer waits.
            return


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers each connection in a thread of its own: Postfix keeps one for each of its processes."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, path: str, decide: Callable[[Request], str], descriptor: int | None = None) -> None:
        """decide: from a request to an action. descriptor: a listening socket that systemd has opened at path."""
        self.decide = decide
        super().__init__(path, _Handler, bind_and_activate=descriptor is None)
        if descriptor is not None:
            self.socket.close()
            self.socket = self.socket.__class__(fileno=descriptor)
