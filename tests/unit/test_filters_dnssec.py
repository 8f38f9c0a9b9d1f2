"""Keys of zones and of servers: what lies on the control node, and what DNS tells of it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from filter_plugins.dnssec import (
    dkim_records,
    dnssec_delegations,
    dnssec_from_private,
    dnssec_key_attributes,
    dnssec_key_files,
    dnssec_missing,
    dnssec_report,
    pki_digests,
    pki_missing,
)
from module_utils.zones import keys

# RFC 6605 section 6.1: a key of example.net, and its DS record.
RFC_PRIVATE = "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n"
RFC_DS = "55648 13 2 B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17"
RFC_KEY = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "example.net.pem").write_text(dnssec_from_private(RFC_PRIVATE))
    return tmp_path


def test_a_key_and_its_delegation_are_those_of_the_rfc(folder: Path) -> None:
    assert dnssec_delegations(str(folder), ["example.net", "example.org"]) == {"example.net": [RFC_DS], "example.org": []}
    files = dnssec_key_files(["example.net"], str(folder), "/keys")
    assert sorted(files) == [f"/keys/Kexample.net.+013+55648.{kind}" for kind in ("key", "private", "state")]
    assert files["/keys/Kexample.net.+013+55648.key"] == f"example.net. IN DNSKEY 257 3 13 {RFC_KEY}\n"
    assert dnssec_from_private(files["/keys/Kexample.net.+013+55648.private"]) == (folder / "example.net.pem").read_text()
    assert dnssec_key_attributes(files) == {path: {"secret": True} for path in files}


def test_a_successor_is_told_and_kept_apart(folder: Path) -> None:
    (folder / "example.net.next.pem").write_bytes(pem(keys.from_words("next")))
    told = dnssec_delegations(str(folder), ["example.net"])["example.net"]
    assert told[0] == RFC_DS
    assert len(told) == 2
    assert len([path for path in dnssec_key_files(["example.net"], str(folder), "/keys") if path.startswith("/keys/next/K")]) == 3


def test_a_report_says_how_far_each_key_is(folder: Path) -> None:
    status = (
        "dnssec-policy: posthouse\n\nkey: 4711 (ECDSAP256SHA256), CSK\n  - goal:           hidden\n\nkey: 55648 (ECDSAP256SHA256), CSK\n"
        "  published:      yes - since Sun Nov 22 23:18:02 2026\n\n  No rollover scheduled\n  - goal:           omnipresent\n"
        "  - dnskey:         rumoured\n  - ds:             hidden\n  - zone rrsig:     rumoured\n"
    )
    said = [f"example.net. IN DS {RFC_DS}    ; goal omnipresent, dnskey rumoured, ds hidden"]
    assert dnssec_report(str(folder), {"example.net": status, "example.org": ""}) == said
    assert dnssec_report(str(folder), {"example.net": ""}) == [f"example.net. IN DS {RFC_DS}    ; not used"]


def test_a_missing_key_stops_the_run_but_not_a_prediction(folder: Path) -> None:
    assert dnssec_missing(str(folder), ["example.net", "example.org"]) == ["example.org"]
    with pytest.raises(ValueError, match=r"has no key of example\.org: run playbooks/site\.yml"):
        dnssec_key_files(["example.net", "example.org"], str(folder), "/keys")
    assert len(dnssec_key_files(["example.net", "example.org"], str(folder), "/keys", predict=True)) == 3


def test_a_file_that_is_no_such_key_is_named(folder: Path) -> None:
    (folder / "broken.pem").write_text("nothing\n")
    (folder / "larger.pem").write_bytes(pem(ec.generate_private_key(ec.SECP384R1())))
    for zone, said in (("broken", "broken.pem is no private key"), ("larger", "larger.pem holds another key than ECDSA P-256")):
        with pytest.raises(ValueError, match=said):
            dnssec_delegations(str(folder), [zone])
    with pytest.raises(ValueError, match="no private key of algorithm 13"):
        dnssec_from_private("Private-key-format: v1.3\nAlgorithm: 8 (RSASHA256)\nModulus: AA==\n")


def test_the_root_has_a_key_too() -> None:
    made = keys.files(".", keys.from_words("root"))
    assert all(name.startswith("K.+013+") for name in made)
    assert next(iter(made.values())).startswith(". IN DNSKEY 257 3 13 ")


def test_words_make_the_same_key_every_time() -> None:
    one, two = keys.from_words("once"), keys.from_words("once")
    assert keys.rdata(one) == keys.rdata(two) != keys.rdata(keys.from_words("twice"))


@pytest.mark.skipif(shutil.which("dnssec-dsfromkey") is None, reason="bind9-utils brings dnssec-dsfromkey")
def test_bind_reads_our_keys_as_we_do(tmp_path: Path) -> None:
    for zone in ("example.edu", "113.0.203.in-addr.arpa", "."):
        key = keys.from_words(zone)
        for name, text in keys.files(zone, key).items():
            (tmp_path / name).write_text(text)
        file = next(tmp_path.glob(f"K{zone.rstrip('.')}.+*.key"))
        run = subprocess.run(["dnssec-dsfromkey", "-2", file], capture_output=True, text=True, check=True)
        assert run.stdout.split(" IN DS ")[1].strip() == keys.delegation(zone, key)


def certificate(folder: Path, name: str) -> tuple[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest(), pem(key)


def test_keys_of_certificates_and_of_their_successors(tmp_path: Path) -> None:
    digest, private = certificate(tmp_path, "mx1")
    assert pki_missing(str(tmp_path), ["mx1", "smtp1"]) == ["mx1", "smtp1"]
    (tmp_path / "mx1.key").write_bytes(private)
    assert pki_missing(str(tmp_path), ["mx1", "smtp1"]) == ["smtp1"]
    # Another key, which the next zones shall tell of, and one that nobody can read.
    for other in (pem(keys.from_words("another")), b"nothing"):
        (tmp_path / "mx1.key").write_bytes(other)
        assert pki_missing(str(tmp_path), ["mx1"]) == ["mx1"]
    assert pki_digests(str(tmp_path), ["mx1", "smtp1"]) == {"mx1": [digest], "smtp1": []}
    (tmp_path / "mx1.next.key").write_bytes(pem(keys.from_words("next")))
    assert pki_digests(str(tmp_path), ["mx1"])["mx1"][0] == digest
    assert len(pki_digests(str(tmp_path), ["mx1"])["mx1"]) == 2


def test_records_of_letters_whatever_their_stage(tmp_path: Path) -> None:
    assert dkim_records(str(tmp_path)) == []
    (tmp_path / "selectors.yml").write_text(
        "b: {stage: published, since: 2026-11-22T22:00:00Z, records: {example.edu: v=DKIM1; p=B}}\n"
        "a: {stage: retired, records: {example.edu: v=DKIM1; p=A, alumni.example.edu: v=DKIM1; p=A}}\nc: {stage: retired}\n"
    )
    assert [(one["name"], one["value"]) for one in dkim_records(str(tmp_path))] == [
        ("a._domainkey.alumni.example.edu", "v=DKIM1; p=A"),
        ("a._domainkey.example.edu", "v=DKIM1; p=A"),
        ("b._domainkey.example.edu", "v=DKIM1; p=B"),
    ]
    (tmp_path / "selectors.yml").write_text("[a, b]\n")
    with pytest.raises(ValueError, match="is no mapping of selectors"):
        dkim_records(str(tmp_path))
