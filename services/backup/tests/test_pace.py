"""The way to a mailstore: whom it trusts, how fast it is, and what it says when nobody is there."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.backup.backup.pace import Bucket, Doors


def test_so_many_bytes_a_second_and_no_credit_for_a_pause() -> None:
    now = [100.0]
    bucket = Bucket(1000, lambda: now[0])
    assert bucket.take(500) == pytest.approx(0.5)
    assert bucket.take(500) == pytest.approx(1.0)
    now[0] += 1000
    assert bucket.take(3000) == pytest.approx(2.0), "a pause is worth one second"


def test_no_rate_is_no_limit() -> None:
    assert Bucket(0).take(1 << 40) == 0


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a key whose certificate says localhost."""
    folder = tmp_path_factory.mktemp("pki")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for line in (
        [*new, "-x509", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem", "-addext", "keyUsage=critical,keyCertSign"],
        [*new, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem"],
        ["openssl", "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "names", "-out", "cert.pem"],
    ):
        subprocess.run(line, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def port(pki: Path) -> Iterator[int]:
    """A server that sends back what it gets, in TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki / "cert.pem", pki / "key.pem")
    listener = socket.create_server(("localhost", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    while chunk := connection.recv(65536):
                        connection.sendall(chunk)
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def ask(where: str, what: bytes) -> bytes:
    host, _, port = where.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        sender = threading.Thread(target=connection.sendall, args=(what,))
        sender.start()
        answer = b""
        while len(answer) < len(what) and (more := connection.recv(65536)):
            answer += more
        sender.join()
    return answer


def test_what_is_said_arrives_and_is_counted(pki: Path, port: int) -> None:
    what = bytes(range(256)) * 4096
    with Doors(str(pki / "ca.pem"), port) as doors, doors.to("localhost") as door:
        assert door.destination == f"tcp:{door.socket}"
        assert ask(door.socket, what) == what
        assert (door.sent, door.received, door.fault) == (len(what), len(what), "")


def test_all_ways_share_one_rate(pki: Path, port: int) -> None:
    what = bytes(50_000)
    with Doors(str(pki / "ca.pem"), port, rate=200_000) as doors, doors.to("localhost") as one, doors.to("localhost") as other:
        began = time.monotonic()
        threads = [threading.Thread(target=ask, args=(door.socket, what)) for door in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # 200 kB went and came.
        assert 0.5 < time.monotonic() - began < 5


def test_another_name_is_not_believed(pki: Path, port: int) -> None:
    with Doors(str(pki / "ca.pem"), port) as doors, doors.to("127.0.0.1") as door:
        assert ask(door.socket, b"x") == b""
        assert "certificate" in door.fault


def test_another_authority_is_not_believed(port: int, tmp_path: Path) -> None:
    line = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=other"]
    subprocess.run([*line, "-keyout", "/dev/null", "-out", tmp_path / "ca.pem"], check=True, capture_output=True)
    with Doors(str(tmp_path / "ca.pem"), port) as doors, doors.to("localhost") as door:
        assert ask(door.socket, b"x") == b""
        assert "certificate" in door.fault


def test_who_is_away_is_said_to_be(pki: Path) -> None:
    with socket.create_server(("localhost", 0)) as unused:
        port = unused.getsockname()[1]
    with Doors(str(pki / "ca.pem"), port) as doors, doors.to("localhost") as door:
        assert ask(door.socket, b"x") == b""
        assert str(port) in door.fault
