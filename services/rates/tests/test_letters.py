"""Letters of our own reach the next stage, now or when it is back."""

from __future__ import annotations

import queue
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from services.rates.rates.letters import Occasion, Sender, compose
from services.rates.rates.limits import Holder, Numbers
from services.rates.rates.settings import Settings

from .conftest import Clock


class Stage(socketserver.ThreadingTCPServer):
    """A mail server that answers RCPT as it is told, and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.answers: queue.Queue[bytes] = queue.Queue()
        self.got: queue.Queue[list[bytes]] = queue.Queue()
        self.asked = threading.Semaphore(0)


class Dialogue(socketserver.StreamRequestHandler):
    server: Stage

    def handle(self) -> None:
        self.wfile.write(b"220 stage\r\n")
        lines: list[bytes] = []
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"RCPT":
                self.wfile.write((b"250 ok" if self.server.answers.empty() else self.server.answers.get()) + b"\r\n")
                self.server.asked.release()
            elif word == b"DATA":
                self.wfile.write(b"354 go\r\n")
                while (text := self.rfile.readline()) != b".\r\n":
                    lines.append(text)
                self.wfile.write(b"250 taken\r\n")
                self.server.got.put(lines)
            else:
                lines += [line] if word == b"MAIL" else []
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def sender(stage: Stage, settings: Settings, clock: Clock) -> Iterator[Sender]:
    made = Sender(replace(settings, port=stage.server_address[1]), 0.01, clock)
    yield made
    made.close()


def send(sender: Sender, settings: Settings) -> None:
    sender.send(compose(settings, Occasion.SOFT, Holder("person", "al"), "al@madstop.test", Numbers(5, 10), 6, 1))


def test_it_comes_from_nobody(sender: Sender, stage: Stage, settings: Settings) -> None:
    send(sender, settings)
    first, *lines = stage.got.get(timeout=10)
    assert first.upper().startswith(b"MAIL FROM:<>")
    assert b"To: al@madstop.test\r\n" in lines


def test_what_is_put_off_is_tried_again(sender: Sender, stage: Stage, settings: Settings) -> None:
    for _ in range(2):
        stage.answers.put(b"450 4.2.0 later")
    send(sender, settings)
    stage.got.get(timeout=10)


def test_what_is_refused_keeps_nothing_up(sender: Sender, stage: Stage, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    stage.answers.put(b"550 5.1.1 nobody")
    send(sender, settings)
    send(sender, settings)
    stage.got.get(timeout=10)
    assert stage.got.empty()
    assert "a letter to al@madstop.test could not be sent: 550" in caplog.text


def test_after_a_window_it_would_be_no_longer_true(
    sender: Sender, stage: Stage, settings: Settings, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5000):
        stage.answers.put(b"450 4.2.0 later")
    send(sender, settings)
    assert stage.asked.acquire(timeout=10)
    clock.now += settings.window + 1
    for _ in range(1000):
        if "could not be sent: 450" in caplog.text:
            break
        threading.Event().wait(0.01)
    stage.answers.queue.clear()
    send(sender, settings)
    stage.got.get(timeout=10)
    assert stage.got.empty()
    assert caplog.text.count("could not be sent") == 1
