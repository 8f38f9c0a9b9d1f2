"""Certificates of our own, and servers that present them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "mx.example.edu"
Talk = tuple[tuple[bytes, bytes], ...]
#: What a server answers before TLS, by what it reads; the first answers nothing, it greets.
TALKS: dict[str, Talk] = {
    "smtp": ((b"", b"220-mx\r\n220 mx\r\n"), (b"EHLO", b"250-mx\r\n250 STARTTLS\r\n"), (b"STARTTLS", b"220 go\r\n")),
    "imap": ((b"", b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"), (b"a STARTTLS", b"a OK go\r\n")),
    "pop3": ((b"", b"+OK ready\r\n"), (b"STLS", b"+OK go\r\n")),
    "sieve": ((b"", b'"IMPLEMENTATION" "x"\r\n"STARTTLS"\r\nOK "ready"\r\n'), (b"STARTTLS", b"OK go\r\n")),
    "tls": (),
}


class Authority:
    """Somebody who signs certificates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        self.pem = self._certificate(self.name, self.key, None, 3650).public_bytes(serialization.Encoding.PEM).decode()

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, host: str | None, days: float) -> x509.Certificate:
        now = datetime.now(UTC)
        end = now + timedelta(days=days)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        builder = (
            builder.serial_number(x509.random_serial_number()).not_valid_before(min(now, end) - timedelta(days=1)).not_valid_after(end)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        else:
            usage = x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
                key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
            )  # fmt: skip
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, host: str = HOST, days: float = 90) -> Path:
        """Write key and certificate for a name into one file. days: until it ends; less than 0, it has ended."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._certificate(x509.Name([]), key, host, days)
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = self.folder / f"{host}{days}.pem"
        file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
        return file


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; each returns its port, answers every connection likewise, and ends with the test."""
    doors: list[socket.socket] = []

    def start(certificate: Path, speaks: str = "tls", newest: ssl.TLSVersion | None = None, talk: Talk | None = None) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if newest is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
        door = socket.create_server(("127.0.0.1", 0))
        doors.append(door)
        threading.Thread(target=answer, args=(door, context, TALKS[speaks] if talk is None else talk), daemon=True).start()
        return int(door.getsockname()[1])

    yield start
    for door in doors:
        door.close()


def answer(door: socket.socket, context: ssl.SSLContext, talk: Talk) -> None:
    while True:
        try:
            line, _ = door.accept()
        except OSError:
            return
        try:
            speak(line, context, talk)
        except OSError:
            line.close()


def speak(line: socket.socket, context: ssl.SSLContext, talk: Talk) -> None:
    line.settimeout(5)
    for heard, said in talk:
        if heard:
            read = line.recv(4096)
            if not read.startswith(heard):
                line.close()
                return
        line.sendall(said)
    with context.wrap_socket(line, server_side=True) as safe:
        safe.recv(100)
