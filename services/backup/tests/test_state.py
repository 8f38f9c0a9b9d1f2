"""Sealed state: fetched as it was sealed, from machines that speak for themselves, and noticed when it is no more what it was."""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from posthouse import generations
from posthouse.generations import Sheet

from services.backup.backup import jobs, room, state
from services.backup.backup.settings import Settings, parse

NOW = "20261101T040000Z"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of localhost by an authority of ours."""
    folder = tmp_path_factory.mktemp("pki")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for words in (
        ["-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"],
        ["-subj", "/CN=x", "-addext", "subjectAltName=DNS:localhost", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "key", "-out", "pem"],
    ):
        subprocess.run(["openssl", "req", "-x509", *new, *words], cwd=folder, check=True, capture_output=True)
    return folder


class Machine:
    """A machine that has sealed something; what it says can be made worse."""

    def __init__(self, pki: Path) -> None:
        self.files: dict[str, bytes] = {}
        self.sheets: list[dict[str, Any]] = []
        self.cut = 1 << 30
        self.asked: list[str] = []
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki / "ca.pem"))
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_cert_chain(pki / "pem", pki / "key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def seal(self, at: str = NOW, content: bytes = b"sealed" * 5000, folder: Path | None = None, **other: Any) -> Sheet:
        new = (folder or Path("/dev/shm")) / f"posthouse-{self.port}.new"
        new.write_bytes(content)
        size, summed = generations.digest(new)
        new.unlink()
        sheet = Sheet(**{"machine": "localhost", "name": "directory", "at": at, "size": size, "sha256": summed, "plain": 1, **other})
        self.files[sheet.file] = content
        self.sheets.append(asdict(sheet))
        return sheet

    def _serve(self) -> None:
        while True:
            plain, _ = self.listener.accept()
            try:
                with self.context.wrap_socket(plain, server_side=True) as client:
                    words = client.recv(200).decode().split()
                    self.asked.append(" ".join(words))
                    self._answer(client, words)
            except OSError:
                plain.close()

    def _answer(self, client: ssl.SSLSocket, words: list[str]) -> None:
        if words == ["list"]:
            client.sendall(json.dumps(self.sheets).encode())
        else:
            content = self.files[words[1]]
            client.sendall(f"ok {len(content)}\n".encode())
            client.sendall(content[int(words[2]) :][: self.cut])
            if self.cut < len(content) - int(words[2]):
                return  # without a farewell, as when the line is cut
        client.unwrap()


@pytest.fixture
def machine(pki: Path) -> Machine:
    return Machine(pki)


@pytest.fixture
def settings(tmp_path: Path, pki: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "state").mkdir()
    monkeypatch.setattr(room, "needed", lambda *_: None)
    return parse(
        {
            "home": str(tmp_path),
            "hostname": "backup1.example.org",
            "machines": ["backup1.example.org"],
            "default_store": "hermes",
            "stores": ["hermes"],
            "directory": {"uris": ["ldap://a"], "bind_dn": "a", "password": "b", "base": "c", "ca": "d"},
            "state_machines": ["localhost"],
            "state_port": machine.port,
            "tls": {"ca": str(pki / "ca.pem"), "certificate": str(pki / "pem"), "key": str(pki / "key")},
        }
    )


def run(settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    state.add(parser.add_subparsers())
    given = parser.parse_args(["state", *words])
    return int(given.run(settings, given))


def test_each_generation_is_fetched_once_and_is_what_was_sealed(settings: Settings, machine: Machine) -> None:
    sheets = [machine.seal(), machine.seal("20261102T040000Z", b"more")]
    assert run(settings, "fetch", "--check") == 0
    assert state.here(settings) == []
    assert run(settings, "fetch") == 0
    assert [one for _, one in state.here(settings)] == sheets[::-1]
    assert run(settings, "check") == 0
    machine.asked.clear()
    assert run(settings, "fetch") == 0
    assert machine.asked == ["list"]
    told = jobs.read(settings.home / "state", jobs.STATE)
    assert told["state"] == "fine"
    assert told["detail"]["sources"]["directory of localhost"] == {"newest": sheets[1].time, "fault": ""}
    assert told["detail"]["sources"]["site of control"]["newest"] == 0


def test_a_line_that_is_cut_is_taken_up_where_it_was_cut(settings: Settings, machine: Machine) -> None:
    sheet = machine.seal()
    machine.cut = 12345
    assert run(settings, "fetch") == 1
    assert state.here(settings) == []
    machine.cut = 1 << 30
    assert run(settings, "fetch") == 0
    assert machine.asked[-1] == f"get {sheet.file} 12345"
    assert run(settings, "check") == 0


def test_what_is_not_what_its_sheet_says_is_not_kept(settings: Settings, machine: Machine) -> None:
    sheet = machine.seal()
    machine.files[sheet.file] = b"SEALED" * 5000
    assert run(settings, "fetch") == 1
    assert state.here(settings) == []
    assert "has changed" in jobs.read(settings.home / "state", jobs.STATE)["fault"]
    machine.files[sheet.file] = b"sealed" * 5000
    assert run(settings, "fetch") == 0


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"machine": "ldap2"}, "another machine's"),
        ({"name": "../../people"}, "cannot be read"),
        ({"at": "20990101T000000Z"}, "clock"),
    ],
)
def test_a_machine_speaks_for_itself_and_of_the_past(settings: Settings, machine: Machine, other: dict[str, Any], why: str) -> None:
    machine.seal(**other)
    assert run(settings, "fetch") == 1
    assert why in jobs.read(settings.home / "state", jobs.STATE)["fault"]
    assert state.here(settings) == []


def test_a_machine_that_is_away_hinders_no_other(settings: Settings, machine: Machine) -> None:
    machine.seal()
    settings.state_machines.insert(0, "no-such-machine.invalid")
    assert run(settings, "fetch") == 1
    assert len(state.here(settings)) == 1
    told = jobs.read(settings.home / "state", jobs.STATE)["detail"]["sources"]
    assert told["state of no-such-machine"]["newest"] == 0
    assert told["directory of localhost"]["fault"] == ""


def test_what_has_lost_its_end_here_is_named(settings: Settings, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = machine.seal()
    run(settings, "fetch")
    file = state.folder(settings) / "localhost" / sheet.file
    file.write_bytes(file.read_bytes()[:-1])
    capsys.readouterr()
    assert run(settings, "check", "--json") == 1
    assert "not whole" in json.loads(capsys.readouterr().out)["faults"][str(file)]


def test_old_generations_go_and_do_not_come_back(settings: Settings, machine: Machine) -> None:
    for day in range(1, 6):
        machine.seal(f"2026010{day}T040000Z", b"x" * day)
    assert run(settings, "fetch") == 0
    assert [one.at[6:8] for _, one in state.here(settings)] == ["05", "04", "03"]
    machine.asked.clear()
    assert run(settings, "fetch") == 0
    assert machine.asked == ["list"]
    assert time.time() - state.here(settings)[0][1].time > settings.state_days * 86400


def test_a_forged_machine_is_not_believed(settings: Settings, machine: Machine, tmp_path: Path) -> None:
    machine.seal()
    words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=o", "-keyout", "o.key", "-out", "o.pem"]
    subprocess.run(["openssl", "req", "-x509", *words], cwd=tmp_path, check=True, capture_output=True)
    machine.context.load_cert_chain(tmp_path / "o.pem", tmp_path / "o.key")
    assert run(settings, "fetch") == 1
    assert "CERTIFICATE_VERIFY_FAILED" in jobs.read(settings.home / "state", jobs.STATE)["fault"]


def test_a_machine_in_wrong_hands_does_not_fill_the_disk(settings: Settings, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.seal()
    assert run(settings, "fetch") == 0
    monkeypatch.setattr(state, "_GROWTH", 0)
    machine.seal("20261102T040000Z", b"x" * 200000)
    assert run(settings, "fetch") == 1
    assert "--any-size" in jobs.read(settings.home / "state", jobs.STATE)["fault"]
    assert run(settings, "fetch", "--any-size") == 0
    for second in range(50):
        machine.seal(f"20261103T0400{second:02}Z", b"x")
    assert run(settings, "fetch") == 1
    assert len(state.here(settings)) == 2
