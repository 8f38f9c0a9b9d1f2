"""Ports are asked as a careful client would: versions, chains, names, days, and what they promise in DNS."""

from __future__ import annotations

import hashlib
import ssl
import time
import warnings

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.status.status import der, ports, world
from services.status.status.findings import Level, Limits
from services.status.status.settings import Port
from services.status.status.talking import Heard, listen, takes_old

from .conftest import HOST, TALKS, Authority, Serve

DAYS = Limits(21, 7)


def door(port: int, speaks: str = "tls", host: str = HOST) -> Port:
    return Port("smtp", "127.0.0.1", port, speaks, host)


@pytest.mark.parametrize("speaks", TALKS)
def test_a_good_port_is_fine(authority: Authority, serve: Serve, speaks: str) -> None:
    found = ports.look(door(serve(authority.issue(), speaks), speaks), authority.pem, DAYS, 5, old=True)
    assert found.level is Level.FINE, found.says
    assert "TLSv1.3" in found.says
    assert found.figures["days"] in (89, 90)


@pytest.mark.parametrize(("days", "level"), [(90, Level.FINE), (20, Level.WARNING), (6, Level.CRITICAL), (-1, Level.CRITICAL)])
def test_days_are_counted(authority: Authority, serve: Serve, days: float, level: Level) -> None:
    found = ports.look(door(serve(authority.issue(days=days))), authority.pem, DAYS, 5, old=False)
    assert found.level is level
    assert ("expired" in found.says) == (days < 0)


def test_a_name_that_is_not_the_hosts(authority: Authority, serve: Serve) -> None:
    found = ports.look(door(serve(authority.issue()), host="imap.example.edu"), authority.pem, DAYS, 5, old=False)
    assert found.level is Level.CRITICAL
    assert "does not hold" in found.says
    assert "imap.example.edu" in found.says


def test_whom_nobody_trusts(authority: Authority, serve: Serve) -> None:
    found = ports.look(door(serve(authority.issue())), None, DAYS, 5, old=False)
    assert found.level is Level.CRITICAL
    assert "does not hold" in found.says


def test_a_port_where_nobody_is() -> None:
    found = ports.look(door(1), None, DAYS, 5, old=True)
    assert found.level is Level.CRITICAL
    assert "refused" in found.says


def test_starttls_that_is_not_offered(authority: Authority, serve: Serve) -> None:
    port = serve(authority.issue(), "smtp", talk=((b"", b"220 mx\r\n"), (b"EHLO", b"250 mx\r\n"), (b"STARTTLS", b"502 what\x1b[2J?\r\n")))
    found = ports.look(door(port, "smtp"), authority.pem, DAYS, 5, old=False)
    assert found.level is Level.CRITICAL
    assert "502 what" in found.says
    assert "\x1b" not in found.told()["says"]


def test_a_greeting_that_never_comes(authority: Authority, serve: Serve) -> None:
    port = serve(authority.issue(), talk=((b"never", b""),))
    began = time.monotonic()
    assert listen("127.0.0.1", port, "smtp", HOST, None, 0.3).fault == "it does not answer in time"
    assert time.monotonic() - began < 3


def test_a_server_that_says_too_much_is_not_listened_to_forever(authority: Authority, serve: Serve) -> None:
    for flood in (b"220-" + b"x" * 40000, b"220-x\r\n" * 5000):
        port = serve(authority.issue(), talk=((b"", flood),))
        assert listen("127.0.0.1", port, "smtp", HOST, None, 2).fault.startswith("it never")


def test_old_versions_are_found(authority: Authority, serve: Serve) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        port = serve(authority.issue(), newest=ssl.TLSVersion.TLSv1_1)
        # Whoever takes the new ones too is found out all the same.
        both = serve(authority.issue(), newest=ssl.TLSVersion.TLSv1_2)
    assert takes_old("127.0.0.1", port, "tls", HOST, 5) == "TLSv1.1"
    found = ports.look(door(both), authority.pem, DAYS, 5, old=True)
    assert found.level is Level.CRITICAL
    assert "RFC 8996" in found.says
    assert ports.look(door(both), authority.pem, DAYS, 5, old=False).level is Level.FINE


def test_the_small_reader_of_certificates_agrees_with_a_large_one(authority: Authority) -> None:
    for days in (90, 20000):  # the second ends after 2050, where time is written in another way
        text = authority.issue(days=days).read_text()
        large = x509.load_pem_x509_certificate(text.encode())
        small = der.of_file(text)
        assert small == large.public_bytes(Encoding.DER)
        assert der.ends(small) == large.not_valid_after_utc
        key = large.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert der.public_key(small) == key
        assert der.association(small, 1, 1) == hashlib.sha256(key).hexdigest()
        assert der.association(small, 0, 2) == hashlib.sha512(small).hexdigest()
        assert der.association(small, 9, 1) == der.association(small, 1, 9) == ""


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 40, 150])
def test_what_is_no_certificate_is_said_to_be_none(authority: Authority, cut: int) -> None:
    data = der.of_file(authority.issue().read_text())[:cut]
    for reader in (der.ends, der.public_key):
        with pytest.raises(ValueError, match="certificate"):
            reader(data)


def test_dane_knows_a_certificate_or_mail_waits(authority: Authority) -> None:
    data = der.of_file(authority.issue().read_text())
    heard = Heard(version="TLSv1.3", certificate=data)
    good = f"3 1 1 {der.association(data, 1, 1)}"
    assert world._dane(door(25), heard, frozenset()) == []
    assert world._dane(door(25), heard, frozenset([f"3 1 1 {'00' * 32}", good])) == []
    (found,) = world._dane(door(25), heard, frozenset([f"3 1 1 {'00' * 32}"]))
    assert (found.check, found.level) == ("dane", Level.CRITICAL)


def test_shut_ports_are_tried(serve: Serve, authority: Authority) -> None:
    port = serve(authority.issue())
    (found,) = world._shut([{"name": "mx1", "address": "127.0.0.1", "ports": [1]}])
    assert found.level is Level.FINE
    (found,) = world._shut([{"name": "mx1", "address": "127.0.0.1", "ports": [1, port]}])
    assert found.level is Level.CRITICAL
    assert found.says.endswith(f": mx1 port {port} (127.0.0.1)")
