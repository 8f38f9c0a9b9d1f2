"""By what backup machines know mailstores, and the key of their storage."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from filter_plugins.backup import backup_sources, backup_storage_key

PUBLIC = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtjKWxhpnAZmhLUPOAhgHTV+PNNZrdlOnBSmtSKHsX+gP07ytUtdAX8Igd9kB92MuMb8cB3ohobtTQS16jAHJmg=="
STORE = {"name": "hermes", "fqdn": "hermes.example.edu", "address": "192.0.2.21", "address6": "2001:db8::21"}


def openssl(*words: str | Path, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=given, check=True, capture_output=True).stdout


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """Where hermes has a certificate."""
    key, certificate = tmp_path / "hermes.key", tmp_path / "hermes.pem"
    openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=x",
        "-keyout",
        key,
        "-out",
        certificate,
    )
    return tmp_path


def test_a_mailstore_is_known_by_its_addresses_and_its_key(pki: Path) -> None:
    public = openssl("pkey", "-in", pki / "hermes.key", "-pubout", "-outform", "DER")
    digest = openssl("dgst", "-sha256", "-c", given=public).decode().rsplit(" ", 1)[-1].strip().upper()
    (found,) = backup_sources([STORE], str(pki))
    assert found == {"fqdn": "hermes.example.edu", "addresses": ["192.0.2.21", "2001:db8::21"], "key": digest}


def test_it_is_known_on_a_machine_that_stands_in_for_it_too(tmp_path: Path) -> None:
    (found,) = backup_sources([STORE], str(tmp_path), [{"name": "artemis", "address": "192.0.2.25", "address6": ""}])
    assert found["addresses"] == ["192.0.2.21", "2001:db8::21", "192.0.2.25"]


def test_one_without_a_certificate_has_no_key(tmp_path: Path) -> None:
    (found,) = backup_sources([{**STORE, "address6": ""}], str(tmp_path))
    assert found == {"fqdn": "hermes.example.edu", "addresses": ["192.0.2.21"], "key": ""}


def test_one_secret_is_one_key_which_openssl_reads() -> None:
    secret = "AlPhAbEtAlPhAbEtAlPhAbEt"
    pair = backup_storage_key(secret)
    assert pair == backup_storage_key(secret)
    assert pair["private"] != backup_storage_key(f"{secret}x")["private"]
    assert openssl("pkey", "-pubout", given=pair["private"].encode()).decode() == pair["public"]
    assert secret not in pair["private"] + pair["public"]


def test_the_key_of_a_secret_never_changes() -> None:
    # Whoever changes how it is made locks every site out of its backups.
    public = backup_storage_key("0123456789abcdefghijklmnopqrstuv")["public"]
    assert "".join(public.splitlines()[1:-1]) == PUBLIC


def test_a_short_secret_is_none() -> None:
    with pytest.raises(ValueError, match="fewer than 16"):
        backup_storage_key("short")
