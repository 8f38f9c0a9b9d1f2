"""When a certificate is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from filter_plugins.pki import authority_due, authority_files, certificate_due, pki_file

NOW = datetime.now(UTC)
DOMAINS = ["example.edu"]
NAMES = ["store1.example.edu"]


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def write_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return key


def make(directory: Path, days: float = 800, authority_days: float = 7000, domains: list[str] | None = None) -> None:
    """An authority and the certificate of store1."""
    authority_key = write_key(directory / "ca.key")
    key = write_key(directory / "store1.key")
    start = NOW - timedelta(days=1)
    permitted = [x509.DNSName(domain) for domain in domains or DOMAINS]
    authority = (
        x509.CertificateBuilder(name("authority"), name("authority"), authority_key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(NOW + timedelta(days=authority_days))
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    (directory / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    certificate = (
        x509.CertificateBuilder(name("authority"), name(NAMES[0]), key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(text) for text in NAMES]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (directory / "store1.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def due(directory: Path, names: list[str] | None = None, domains: list[str] | None = None) -> list[str]:
    return certificate_due(str(directory), "store1", names or NAMES, domains or DOMAINS, 30)


def test_nothing_is_due_when_all_is_good(tmp_path: Path) -> None:
    make(tmp_path)
    assert due(tmp_path) == []


def test_everything_is_due_on_the_first_day(tmp_path: Path) -> None:
    assert due(tmp_path / "pki") == ["there is no authority", "store1 has no certificate"]


@pytest.mark.parametrize(("days", "reasons"), [(31, 0), (29, 1), (-1, 1)])
def test_thirty_days_before_its_end(tmp_path: Path, days: int, reasons: int) -> None:
    make(tmp_path, days=days)
    assert len(due(tmp_path)) == reasons


def test_other_names(tmp_path: Path) -> None:
    make(tmp_path)
    assert due(tmp_path, names=[*NAMES, "imap.example.edu"]) == ["the certificate of store1 carries other names"]


@pytest.mark.parametrize("file", ["ca.key", "store1.key"])
def test_a_key_that_is_lost_or_another(tmp_path: Path, file: str) -> None:
    make(tmp_path)
    (tmp_path / file).unlink()
    assert len(due(tmp_path)) == 1
    write_key(tmp_path / file)
    assert len(due(tmp_path)) == 1


def test_the_authority_ends_or_may_sign_for_others(tmp_path: Path) -> None:
    make(tmp_path, authority_days=300)
    assert len(authority_due(str(tmp_path), DOMAINS)) == 1
    make(tmp_path, domains=["example.org"])
    assert authority_due(str(tmp_path), DOMAINS) == ["the authority may sign for other domains than the cluster's"]


def test_another_authority(tmp_path: Path) -> None:
    make(tmp_path)
    certificate, key = (tmp_path / "store1.pem").read_bytes(), (tmp_path / "store1.key").read_bytes()
    make(tmp_path)
    (tmp_path / "store1.pem").write_bytes(certificate)
    (tmp_path / "store1.key").write_bytes(key)
    assert due(tmp_path) == ["another authority issued the certificate of store1"]


def test_files_are_read_predicted_or_missed(tmp_path: Path) -> None:
    make(tmp_path)
    assert pki_file(str(tmp_path), "ca.pem").startswith("-----BEGIN CERTIFICATE-----")
    assert "nobody.pem" in pki_file(str(tmp_path), "nobody.pem", predict=True)
    with pytest.raises(ValueError, match="the role base makes it"):
        pki_file(str(tmp_path), "nobody.pem")


def test_further_authorities_are_files_by_where_they_come_from(tmp_path: Path) -> None:
    make(tmp_path)
    authority = tmp_path / "ca.pem"
    target = f"/usr/local/share/ca-certificates/{tmp_path.name}-ca.crt"
    assert authority_files([str(authority)]) == {target: authority.read_text()}
    assert "issues nobody.pem" in next(iter(authority_files([str(tmp_path / "nobody.pem")], predict=True).values()))
    with pytest.raises(ValueError, match=r"nobody\.pem is missing: the inventory names it"):
        authority_files([str(tmp_path / "nobody.pem")])
    with pytest.raises(ValueError, match="another authority of this name"):
        authority_files([str(authority), str(authority)])
