"""What attacks are made with: a server that is deceived is found out, and one that is not is left in peace."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks import Hop, codes
from tests.smuggling import BARE_LINE_FEEDS, SIZES, Attempt, chunk, chunks, ends, mixes, nonsense
from tests.talker import REPLY, talk


def serve(listening: socket.socket, ends_of_data: list[bytes]) -> None:
    """Speak SMTP with everybody, one after the other, and take any of these for the end of a letter."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as stream:
            connection.sendall(b"220 ready\r\n")
            while line := stream.readline():
                word = line[:4].upper().strip()
                connection.sendall(b"354 go on\r\n" if word == b"DATA" else b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
                if word == b"QUIT":
                    break
                tail = b"\r\n"
                while word == b"DATA" and (byte := stream.read(1)):
                    tail = tail[-4:] + byte
                    if byte in b"\r\n" and tail.endswith(tuple(ends_of_data)):
                        connection.sendall(b"250 taken\r\n")
                        break


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    path = str(tmp_path / "smtp")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        threading.Thread(target=serve, args=(listening, request.param), daemon=True).start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)


def answers(path: str, attempt: Attempt) -> list[int]:
    hop = Hop("here", "here", path)
    begin = [("MAIL FROM:<a@b.test>\r\n", REPLY, "^250"), ("RCPT TO:<c@b.test>\r\n", REPLY, "^250"), ("DATA\r\n", REPLY, "^354")]
    steps = hop.say(*begin, (f"{attempt.text}QUIT\r\n", "")).steps
    return codes(talk({"to": path, "steps": steps, "patience": 3})[-1])


INNER = "MAIL FROM:<d@b.test>\r\nRCPT TO:<e@b.test>\r\nDATA\r\nSubject: two\r\n\r\ntwo"


@pytest.mark.parametrize("server", [[b"\r\n.\r\n"]], indirect=True)
def test_a_server_that_knows_one_end_answers_once(server: str) -> None:
    for attempt in ends("Subject: one\r\n\r\none", INNER):
        assert answers(server, attempt) == [250, 221], attempt.name


@pytest.mark.parametrize("server", [[b"\r\n.\r\n", b"\n.\n"], [b"\r\n.\r\n", b"\r\n.\n"], [b"\r\n.\r\n", b"\r.\r"]], indirect=True)
def test_a_server_that_knows_two_ends_is_found_out(server: str) -> None:
    found = [answers(server, attempt) for attempt in ends("Subject: one\r\n\r\none", INNER)]
    assert any(len(one) > 2 for one in found)


@pytest.mark.parametrize("server", [[]], indirect=True)
def test_a_conversation_stops_where_it_was_told_to(server: str) -> None:
    steps = [("", REPLY), ("NOOP\r\n", REPLY, "^999"), ("QUIT\r\n", "")]
    assert talk({"to": server, "steps": steps}) == ["220 ready\r\n", "250 fine\r\n"]
    assert talk({"to": f"{server}.nobody", "steps": steps}) == ["[FileNotFoundError]"]


def test_the_tables_say_what_they_mean() -> None:
    """No end in the tables is the real one; chunks are as long as they say."""
    assert all("\r\n.\r\n" not in end and "\n" in end.replace("\r\n", "") for end in BARE_LINE_FEEDS)
    (everything,) = [attempt for attempt in ends("one", "two") if attempt.name == "everything else"]
    assert everything.text.count("\r\n.\r\n") == 1
    assert everything.text.endswith("two\r\n.\r\n")
    assert chunk("four", last=True) == "BDAT 4 LAST\r\nfour"
    assert len(list(nonsense("one", "two"))) == len(SIZES)
    names = [attempt.name for make in (ends, mixes, chunks, nonsense) for attempt in make("one", "two")]
    assert len(names) == len(set(names))
