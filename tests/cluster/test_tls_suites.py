"""TLS 1.2 and 1.3 with suites that nobody has broken, at every port that people, the internet or neighbours reach (decision 21)."""

from __future__ import annotations

import re
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.laboratory import Lab
from tests.tls_scanning import Finding, Port, ports, scan

AT_ONCE = 3
STRONG = re.compile(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)")
# Where the alternative is no secret at all: forward secrecy without authenticated encryption, for older exchangers and printers.
OLDER = re.compile(r"ECDHE-(ECDSA|RSA)-AES(128|256)-SHA(256|384)?")


@pytest.fixture(scope="module")
def every_port(lab: Lab) -> list[Port]:
    """The firewall's table decides."""
    return ports(lab)


@pytest.fixture(scope="module")
def findings(every_port: list[Port]) -> list[Finding]:
    """What the scanner found."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(scan, every_port))


def test_only_tls_of_today_is_spoken(findings: list[Finding]) -> None:
    assert {str(found.port): sorted(found.versions) for found in findings if found.versions != {"tls1.2", "tls1.3"}} == {}


def test_no_suite_is_weak(findings: list[Finding]) -> None:
    weak: dict[str, list[str]] = {}
    for found in findings:
        names = [name for version, name in found.suites if version != "TLSv1.3" and not STRONG.fullmatch(name)]
        if found.port.number == 25 and found.port.noun in ("exchanger", "submission"):
            names = [name for name in names if not OLDER.fullmatch(name)]
        if names:
            weak[str(found.port)] = sorted(names)
    assert weak == {}
    assert all({"TLSv1.2", "TLSv1.3"} <= {version for version, _ in found.suites} for found in findings)


def test_nothing_is_compressed_and_nobody_begins_anew(findings: list[Finding]) -> None:
    assert [str(found.port) for found in findings if found.compresses or found.renegotiates] == []


def test_every_port_shows_the_certificate_of_its_machine(every_port: list[Port], lab: Lab) -> None:
    """With the whole chain: a client that knows the authority alone is satisfied."""
    for port in every_port:
        with lab.internet.tls().wrap_socket(port.connect(), server_hostname=port.fqdn) as connection:
            assert isinstance(connection.cipher(), tuple), port
    with pytest.raises(ssl.SSLCertVerificationError):
        lab.internet.tls().wrap_socket(every_port[0].connect(), server_hostname="somebody.elsewhere.test")
