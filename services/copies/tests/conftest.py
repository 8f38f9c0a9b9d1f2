"""A spool as deliveries leave it, and somebody who takes letters, or not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.copies.copies.handing import Queue
from services.copies.copies.memory import Memory
from services.copies.copies.service import Service
from services.copies.copies.settings import Settings

NOW = 1_795_400_100.0
LETTER = b"Return-Path: <a@example.org>\nDelivered-To: alice@example.edu\nSubject: x\n\nText\n"


class Taker:
    """Takes letters, or raises what the test says."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.faults: list[Exception] = []

    def give(self, recipients: Sequence[str], outer: bytes) -> None:
        """Take one, unless there is a fault left."""
        if self.faults:
            raise self.faults.pop(0)
        self.taken.append((list(recipients), outer))


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """An empty spool."""
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def deliver(spool: Path) -> Callable[..., str]:
    """What copies.lua does."""

    def deliver(second: int = int(NOW) - 10, person: str = "alice", mailbox: str = "INBOX", flags: str = "", letter: bytes = LETTER) -> str:
        number = len(os.listdir(spool))  # noqa: PTH208  names alone
        name = f"{second}.M{number}P1.hermes,S={len(letter)},W={len(letter) + 4}"
        (spool / f"{name}.letter").write_bytes(letter)
        facts = f"{second}.000042 {person} {mailbox} 301 1795400000" + (f" {flags}" if flags else "")
        (spool / f"{name}.note").symlink_to(facts)
        return name

    return deliver


@pytest.fixture
def site(spool: Path, tmp_path: Path) -> SimpleNamespace:
    """A service with everything that a test may look at or change."""
    settings = Settings(
        spool=str(spool),
        socket="",
        instance="",
        state=str(tmp_path),
        store="hermes.example.edu",
        machines=["backup1.example.edu"],
        queue_letters=5,
        spool_room=0,
    )
    found = SimpleNamespace(settings=settings, taker=Taker(), queue=Queue(), now=NOW, before=0, memory=Memory(tmp_path))

    def queue() -> Queue:
        machines = dict(found.queue.machines)
        for recipients, outer in found.taker.taken[found.before :]:
            for machine in {one.rpartition("@")[2] for one in recipients}:
                letters, size = machines.get(machine, (0, 0))
                machines[machine] = (letters + 1, size + len(outer))
        return Queue(machines=machines)

    def service(**changed: object) -> Service:
        values = {name: getattr(settings, name) for name in Settings.__slots__} | changed
        return Service(Settings(**values), found.memory, found.taker, queue, lambda: found.now, lambda: found.now)

    found.service = service
    return found
