"""What the tests share: an authority, two machines' certificates, an operator's key, and settings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.site_state.site_state.settings import Settings, Source

ACCOUNT = "nobody"


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of ldap1, backup1 and mx1 by an authority, and of backup1 by somebody else."""
    folder = tmp_path_factory.mktemp("pki")
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for authority in ("ca", "other"):
        words = ["req", "-x509", *new, "-subj", f"/CN={authority}", "-keyout", f"{authority}.key", "-out", f"{authority}.pem"]
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    for name, authority in (("ldap1", "ca"), ("backup1", "ca"), ("mx1", "ca"), ("forged", "other")):
        host = "backup1" if name == "forged" else name
        words = ["req", "-x509", *new, "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}.example.org"]
        words += ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """An operator's public key, and the file with the private one."""
    file = tmp_path_factory.mktemp("operator") / "key.txt"
    subprocess.run(["age-keygen", "--output", str(file)], check=True, capture_output=True)
    public = next(line.split(": ")[1] for line in file.read_text().splitlines() if line.startswith("# public key"))
    return public, file


@pytest.fixture
def settings(tmp_path: Path, pki: Path, operator: tuple[str, Path]) -> Settings:
    folder = tmp_path / "sealed"
    folder.mkdir()
    return Settings(
        machine="ldap1",
        folder=str(folder),
        account=ACCOUNT,
        keys=[operator[0]],
        kept=2,
        readers=["backup1.example.org"],
        ca=str(pki / "ca.pem"),
        certificate=str(pki / "ldap1.pem"),
        key=str(pki / "ldap1.key"),
        sources=[Source(name="directory", command=["printf", "dn: o=example\\n"], account=ACCOUNT)],
    )
