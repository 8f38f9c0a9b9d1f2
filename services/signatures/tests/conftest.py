"""What the tests share: a home of their own, and programs that do what a test says in place of clamscan, fangfrisch and clamd."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.signatures.signatures.settings import Settings

# It finds a signature's text in a file as clamscan would: name:target:offset:hexadecimal. A line that says "broken" cannot be loaded.
CLAMSCAN = """#!@PYTHON@ -IS
import pathlib, sys
folder = next(word for word in sys.argv if word.startswith("--database=")).partition("=")[2]
lines = [line for path in sorted(pathlib.Path(folder).iterdir()) for line in path.read_text().splitlines()]
if any("broken" in line for line in lines):
    print("LibClamAV Error: Problem parsing database at line 1", file=sys.stderr)
    sys.exit(2)
found = 0
for name in (word for word in sys.argv[1:] if not word.startswith("--")):
    data = pathlib.Path(name).read_bytes()
    for line in lines:
        signature, _, _, text = line.split(":")
        if bytes.fromhex(text) in data:
            print(f"{name}: {signature}.UNOFFICIAL FOUND")
            found = 1
            break
sys.exit(found)
"""


def signature(name: str, text: str) -> str:
    """Return one line of an extended database."""
    return f"{name}:0:*:{text.encode().hex()}\n"


def program(folder: Path, name: str, text: str) -> None:
    """Put a program into the path."""
    path = folder / name
    path.write_text(text.replace("@PYTHON@", sys.executable))
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    program(folder, "clamscan", CLAMSCAN)
    return folder


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "site.ndb").write_text(signature("Site.One", "first bad thing"))
    return folder


@pytest.fixture
def settings(tmp_path: Path, local: Path, programs: Path) -> Settings:  # noqa: ARG001  the programs must be there
    home = tmp_path / "clamav"
    home.mkdir()
    return replace(Settings(), home=home, socket=tmp_path / "clamd.ctl", local=(local,), patience=20, reload_patience=2)


class FakeClamd:
    """A clamd that reads the set in use when it starts and when it is told to."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.obeys, self.reloads = settings, True, 0
        self._load()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(settings.socket))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _load(self) -> None:
        lines = [line for path in sorted(self.settings.active.glob("*")) for line in path.read_text().splitlines()]
        self.signatures = [(line.split(":")[0], bytes.fromhex(line.split(":")[3])) for line in lines]

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                command = b""
                while not command.endswith(b"\0"):
                    command += file.read(1)
                connection.sendall(self._answer(command, file) + b"\0")

    def _answer(self, command: bytes, file: object) -> bytes:
        if command == b"zPING\0":
            return b"PONG"
        if command == b"zRELOAD\0":
            self.reloads += 1
            if self.obeys:
                self._load()
            return b"RELOADING"
        data = b""
        while size := struct.unpack("!I", file.read(4))[0]:  # type: ignore[attr-defined]  # a binary file
            data += file.read(size)  # type: ignore[attr-defined]  # a binary file
        name = next((name for name, text in self.signatures if text in data), "")
        return f"stream: {name}.UNOFFICIAL FOUND".encode() if name else b"stream: OK"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def clamd(settings: Settings) -> Iterator[FakeClamd]:
    one = FakeClamd(settings)
    yield one
    one.close()
