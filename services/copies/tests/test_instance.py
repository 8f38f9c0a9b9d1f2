"""Letters reach a server that speaks SMTP on a Unix socket, over a connection that may have ended meanwhile."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.copies.copies.handing import AwayError, Instance, Queue, RefusedError, counted


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say(b"220 hello")
        while line := self.rfile.readline():
            verb = line.split(b" ")[0].strip().lower()
            self.server.heard.append(line.strip())
            if verb == b"data":
                self._say(b"354 go on")
                letter = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    letter += line
                self.server.letters.append(letter)
            if verb == b"ehlo":
                self._say(b"250-hello\r\n250 8BITMIME")
            else:
                self._say(self.server.answers.get(verb, b"250 fine"))
            if verb in self.server.ends:
                return

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, _Session)
        self.heard: list[bytes] = []
        self.letters: list[bytes] = []
        self.answers: dict[bytes, bytes] = {}
        self.ends: set[bytes] = {b"quit"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_Server]:
    """Somebody to talk to."""
    with _Server(str(tmp_path / "socket")) as found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield found
        found.shutdown()


def test_a_letter_arrives_byte_for_byte_and_from_nobody(server: _Server) -> None:
    instance = Instance(str(server.server_address))
    instance.give(['"a b"@b.example'], b"Subject: x\n\n.\n..x\n\xe4\rz\n")
    assert server.letters == [b"Subject: x\r\n\r\n..\r\n...x\r\n\xe4\rz\r\n"]
    assert b"mail FROM:<> BODY=8BITMIME" in server.heard
    assert b'rcpt TO:<"a b"@b.example>' in server.heard


def test_a_connection_serves_many_letters_and_is_made_anew(server: _Server) -> None:
    instance = Instance(str(server.server_address))
    server.ends = {b"data"}
    for _ in range(3):
        instance.give(["a@b.example"], b"Subject: x\n\n")
    assert len(server.letters) == 3
    server.ends = {b"quit"}
    for _ in range(3):
        instance.give(["a@b.example"], b"Subject: x\n\n")
    assert len([one for one in server.heard if one.startswith(b"ehlo")]) == 4
    instance.close()


@pytest.mark.parametrize(
    ("verb", "answer", "kind"),
    [
        (b"mail", b"452 4.3.1 Insufficient system storage", AwayError),
        (b"mail", b"421 4.3.2 going", AwayError),
        (b"rcpt", b"454 4.7.1 Relay access denied", RefusedError),
        (b"data", b"451 4.3.0 queue file write error", RefusedError),
        (b"ehlo", b"", None),
    ],
)
def test_a_refusal_of_one_letter_is_told_from_one_of_all(server: _Server, verb: bytes, answer: bytes, kind: type[Exception] | None) -> None:
    instance = Instance(str(server.server_address))
    server.answers = {verb: answer} if answer else {}
    if kind is None:
        instance.give(["a@b.example"], b"x\n")
        return
    with pytest.raises(kind):
        instance.give(["a@b.example"], b"x\n")
    server.answers = {}
    instance.give(["a@b.example"], b"x\n")


def test_nobody_there_is_away(tmp_path: Path) -> None:
    with pytest.raises(AwayError, match="nobody"):
        Instance(str(tmp_path / "nobody")).give(["a@b.example"], b"x\n")


def test_what_waits_is_counted() -> None:
    lines = [
        '{"queue_name": "deferred", "arrival_time": 20, "message_size": 5, "recipients": [{"address": "a@b1", "delay_reason": "refused"}]}',
        '{"queue_name": "active", "arrival_time": 10, "message_size": 7, "recipients": [{"address": "a@b1"}, {"address": "a@b2"}]}',
    ]
    assert counted(lines) == Queue(2, 12, 10.0, "refused", {"b1": (2, 12), "b2": (1, 7)})
    assert counted([]) == Queue()
