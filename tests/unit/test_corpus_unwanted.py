"""The corpora of spam, banned files, broken headers and hostile letters are what their names say."""

from __future__ import annotations

import email
import gzip
import io
import zipfile

import pytest

from tests.architecture import tree
from tests.corpus import hostile, unwanted
from tests.corpus.eicar import EICAR
from tests.corpus.sample import Sample
from tests.unit.test_corpus_eicar import contents

EVERYTHING = [*unwanted.spam(), *unwanted.banned(), *unwanted.bad_headers(), *unwanted.mended_headers(), *unwanted.careless_headers()]


def addressed(sample: Sample) -> bytes:
    return sample.addressed("token", "writer@elsewhere.test", "b@elsewhere.test")


def test_names_are_unique() -> None:
    names = [sample.name for sample in EVERYTHING]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("sample", unwanted.spam(), ids=lambda sample: sample.name)
def test_every_letter_of_spam_holds_the_test(sample: Sample) -> None:
    assert unwanted.GTUBE in contents(addressed(sample))


def test_no_file_of_the_repository_holds_the_test() -> None:
    assert [tree.name(path) for path in tree.files() if unwanted.GTUBE in path.read_bytes()] == []


def test_the_program_is_one_for_windows() -> None:
    program = unwanted.program()
    start = int.from_bytes(program[0x3C:0x40], "little")
    assert program[:2] == b"MZ"
    assert program[start : start + 6] == b"PE\0\0\x4c\x01"
    assert len(program) == 1024


def test_broken_headers_are_broken_and_the_others_are_whole() -> None:
    for sample in (*unwanted.bad_headers(), *unwanted.mended_headers()):
        header = addressed(sample).partition(b"\r\n\r\n")[0]
        names = [line.partition(b":")[0].lower() for line in header.split(b"\r\n") if line[:1] not in {b" ", b"\t"}]
        once = {b"date", b"from", b"to", b"subject", b"message-id", b"content-type"}
        wrong = {
            "1": names.count(b"content-type") > 1 or b"boundary=" not in header,
            "2": any(byte > 127 for byte in header),
            "3": b"\0" in header,
            "4": b"\r\n \t \r\n" in header,
            "7": bool({b"date", b"from"} - set(names)),
            "8": any(names.count(name) > 1 for name in once),
        }
        assert wrong[sample.name[0]], sample.name


def test_bombs_are_as_large_as_they_say() -> None:
    size = 3 * hostile.MEGABYTE
    assert gzip.decompress(hostile.zeros(size)) == bytes(size)


def test_an_archive_lies() -> None:
    assert zipfile.ZipFile(io.BytesIO(hostile.lying_zip())).getinfo("a.txt").file_size == 0xFFFFFFFE


def test_hostile_letters_are_small_enough_to_be_taken() -> None:
    for sample in [*hostile.hostile(), *hostile.infected_and_hostile()]:
        data = addressed(sample)
        assert len(data) < 4_000_000, sample.name
        assert len(data.partition(b"\r\n\r\n")[0]) < 100_000, f"{sample.name}: header_size_limit of Postfix"
        assert all(len(line) < 1_000_000 for line in data.split(b"\r\n"))


def test_a_letter_keeps_the_fields_that_it_brings() -> None:
    sample = Sample("own", b"Subject: mine\r\nX-Other: yes\r\n\r\nbody\r\n", ["Date"])
    found = email.message_from_bytes(addressed(sample))
    assert found.get_all("Subject") == ["mine"]
    assert found["Date"] is None
    assert found["X-Posthouse-Token"] == "token"
    assert EICAR not in addressed(sample)
