"""The corpus of welcome letters is as mixed as it claims, and nothing in it is what a filter should stop."""

from __future__ import annotations

import email
import email.policy
import struct
import zlib

import pytest

from tests.corpus import shapes, shipped, words
from tests.corpus.eicar import EICAR
from tests.corpus.sample import Sample
from tests.corpus.unwanted import GTUBE

OURS = [*words.letters(), *shapes.letters()]
ALL = [*OURS, *shipped.cpython()]


def addressed(sample: Sample) -> bytes:
    return sample.addressed("token", "writer@elsewhere.test", "b@elsewhere.test")


def test_there_are_many_and_each_has_a_name() -> None:
    names = [sample.name for sample in ALL]
    assert len(OURS) >= 60
    assert len(set(names)) == len(names)
    assert [*words.letters(), *shapes.letters()] == OURS, "the same bytes every time"


def test_they_are_of_many_shapes() -> None:
    kinds = {part.get_content_type() for sample in OURS for part in email.message_from_bytes(addressed(sample)).walk()}
    charsets = {part.get_content_charset() for sample in OURS for part in email.message_from_bytes(addressed(sample)).walk()}
    assert len(kinds) >= 30, kinds
    assert {"utf-8", "iso-2022-jp", "koi8-r", "big5", "utf-16"} <= charsets


@pytest.mark.parametrize("sample", ALL, ids=lambda sample: sample.name)
def test_a_welcome_letter_is_well_formed(sample: Sample) -> None:
    data = addressed(sample)
    header = data.partition(b"\r\n\r\n")[0]
    assert header.isascii()
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert EICAR not in data
    assert GTUBE not in data
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    assert not [part.defects for part in message.walk() if part.defects]
    for name in ("From", "Date", "Message-ID", "X-Posthouse-Token"):
        assert len(message.get_all(name, [])) == 1, name
    for name in shipped.ONCE:
        assert len(message.get_all(name, [])) <= 1, name
    assert all(len(line) <= 998 for line in data.split(b"\r\n")), "RFC 5322, 2.1.1"


@pytest.mark.parametrize("sample", [sample for sample in OURS if sample.name.startswith("language-")], ids=lambda sample: sample.name)
def test_texts_of_all_languages_can_be_read(sample: Sample) -> None:
    charset, subject, text = words.LANGUAGES[int(sample.name.split("-")[1])]
    message = email.message_from_bytes(addressed(sample), policy=email.policy.default)
    assert message["Subject"] == subject
    body = message.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == text, charset


def test_the_picture_is_one() -> None:
    picture = shapes.png(4)
    length = struct.unpack(">I", picture[33:37])[0]
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture[37:41] == b"IDAT"
    assert len(zlib.decompress(picture[41 : 41 + length])) == 4 * (1 + 3 * 4)
