"""Handing over: to backup machines and nobody else, by certificates, and never a way to change anything."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from services.site_state.site_state import handing, sealing
from services.site_state.site_state.errors import StateError
from services.site_state.site_state.settings import Settings


class Door:
    """Answers one client at a time, as systemd would have it answered."""

    def __init__(self, settings: Settings, pki: Path) -> None:
        self.settings, self.pki, self.said = settings, pki, ""

    def _serve(self, connection: socket.socket) -> None:
        try:
            self.said = handing.serve(self.settings, connection)
        except StateError as fault:
            self.said = str(fault)
        finally:
            connection.close()

    def ask(self, line: str, who: str = "backup1") -> bytes:
        """Return all that the door answers a machine."""
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=self._serve, args=(theirs,))
        thread.start()
        try:
            context = ssl.create_default_context(cafile=str(self.pki / "ca.pem"))
            if who:
                context.load_cert_chain(self.pki / f"{who}.pem", self.pki / f"{who}.key")
            with context.wrap_socket(ours, server_hostname="ldap1.example.org") as client:
                client.sendall(f"{line}\n".encode())
                answer = b""
                while block := client.recv(65536):
                    answer += block
                return answer
        finally:
            ours.close()
            thread.join(10)


@pytest.fixture
def door(settings: Settings, pki: Path) -> Door:
    return Door(settings, pki)


def test_a_backup_machine_gets_the_list_and_a_file_from_where_it_stopped(door: Door) -> None:
    sheet = sealing.seal(door.settings, door.settings.sources[0])
    (told,) = json.loads(door.ask("list"))
    assert told["name"] == "directory"
    assert told["sha256"] == sheet.sha256
    whole = (Path(door.settings.folder) / sheet.file).read_bytes()
    assert door.ask(f"get {sheet.file} 0") == f"ok {sheet.size}\n".encode() + whole
    assert door.ask(f"get {sheet.file} 20") == f"ok {sheet.size}\n".encode() + whole[20:]
    assert door.said == f"backup1.example.org: {sheet.file} from byte 20"


@pytest.mark.parametrize("who", ["mx1", "forged", ""])
def test_nobody_else_gets_anything(door: Door, who: str) -> None:
    sheet = sealing.seal(door.settings, door.settings.sources[0])
    answer = b""
    with suppress(ssl.SSLError, ConnectionError):
        answer = door.ask(f"get {sheet.file} 0", who)
    assert answer == b""
    assert "may not fetch" in door.said or "prove itself" in door.said


@pytest.mark.parametrize(
    "line",
    ["get ../../etc/passwd 0", "get /etc/passwd 0", "get outcome 0", "put x 0", "", "get", "get directory-x.age", "list all", "x" * 5000],
)
def test_only_what_is_sealed_can_be_asked_for(door: Door, line: str) -> None:
    sealing.seal(door.settings, door.settings.sources[0])
    assert door.ask(line) == b"no such thing\n"


@pytest.mark.parametrize("where", ["-1", "999999999", "1.5", "one"])
def test_a_place_that_is_not_in_the_file_is_refused(door: Door, where: str) -> None:
    sheet = sealing.seal(door.settings, door.settings.sources[0])
    assert door.ask(f"get {sheet.file} {where}") == b"no such thing\n"
