"""The disguises of the test virus: what Python's email package finds in them, and what their reasons say of the rest."""

from __future__ import annotations

import email
import email.policy
import hashlib
import io
import tarfile
import zipfile

import pytest

from tests.architecture import tree
from tests.corpus import containers
from tests.corpus.eicar import EICAR, variants
from tests.corpus.sample import Sample

VARIANTS = variants()
#: of the file that eicar.org publishes
SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
FILES = {"a/eicar.com": EICAR}


def contents(data: bytes) -> bytes:
    """Return the decoded bytes of every part that Python's email package finds in a message, as a mail program would."""
    found = []
    for piece in email.message_from_bytes(data, policy=email.policy.compat32).walk():
        if not piece.is_multipart():
            payload = piece.get_payload(decode=True)
            found.append(payload if isinstance(payload, bytes) else b"")
    return b"\0".join(found)


def test_it_is_the_test_file() -> None:
    assert hashlib.sha256(EICAR).hexdigest() == SHA256


def test_there_are_a_hundred_and_each_has_a_name() -> None:
    names = [sample.name for sample in VARIANTS]
    assert len(names) >= 100
    assert len(set(names)) == len(names)


def test_the_same_bytes_come_out_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1.5e9)
    assert variants() == VARIANTS


def test_no_file_of_the_repository_holds_it() -> None:
    assert [tree.name(path) for path in tree.files() if EICAR in path.read_bytes()] == []


@pytest.mark.parametrize("sample", VARIANTS, ids=lambda sample: sample.name)
def test_a_mail_program_finds_it_or_there_is_a_reason(sample: Sample) -> None:
    data = sample.addressed("token", "a@elsewhere.test", "b@elsewhere.test")
    assert b"\r\n" in data
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert (EICAR in contents(data)) != bool(sample.hidden), sample.hidden or "and no reason is given"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_zip_archives_open(method: int) -> None:
    archive = zipfile.ZipFile(io.BytesIO(containers.zipped(FILES, method)))
    assert archive.testzip() is None
    assert archive.read("a/eicar.com") == EICAR


def test_streamed_and_nested_zip_archives_open() -> None:
    assert zipfile.ZipFile(io.BytesIO(containers.streamed_zip("x", EICAR))).read("x") == EICAR
    outer = zipfile.ZipFile(io.BytesIO(containers.nested_zip("x", EICAR, 3)))
    inner = zipfile.ZipFile(io.BytesIO(outer.read("level2.zip")))
    assert zipfile.ZipFile(io.BytesIO(inner.read("level1.zip"))).read("x") == EICAR


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_archives_open(form: int) -> None:
    with tarfile.open(fileobj=io.BytesIO(containers.tarred(FILES, form))) as archive:
        member = archive.extractfile("a/eicar.com")
        assert member is not None
        assert member.read() == EICAR


def test_the_checksum_of_lha() -> None:
    assert containers.crc16(b"123456789") == 0xBB3D, "the check value of CRC-16/ARC"
