"""A copy says where a letter lay and when, and gives it back byte for byte."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from posthouse.copyletter import CopyError, Facts, digest, facts_of, field, unwrap, wrap

_FACTS = Facts(
    person="alice",
    folder="Lists/Größe & 100%",
    guid="1795400965.M808380P5287.hermes",
    uid=301,
    uidvalidity=1795400000,
    saved=datetime(2026, 11, 23, 2, 40, 1, 42, tzinfo=UTC),
    flags=("\\Seen", "$label1", "größe"),
    store="hermes.example.edu",
    sender="someone@example.org",
    recipient='"a b"@example.edu',
)
_LETTER = (
    b"Return-Path: <someone@example.org>\nDelivered-To: alice@example.edu\nFrom: Some One\n <someone@example.org>\n"
    b"Subject: =?utf-8?q?x?=\nMessage-ID: <1@example.org>\nX-Posthouse-Person: mallory\n\nText \xe4\n.\nFrom here\n"
)


@pytest.mark.parametrize(
    "inner",
    [
        _LETTER,
        b"\nno header\n",
        b"\n",
        b"Subject: only a header\n",
        b"From mallory\nSubject: x\n\n\0\xff\rx\n\n\n",
        b"Subject: x\n\n" + b"y" * 99999 + b"\n",
    ],
)
def test_a_letter_comes_back_byte_for_byte(inner: bytes) -> None:
    facts, found = unwrap(wrap(_FACTS, inner))
    assert found == inner
    assert facts == replace(_FACTS, sha256=digest(inner), size=len(inner))


def test_what_a_way_over_smtp_does_is_no_change() -> None:
    outer = b"Return-Path: <>\r\nReceived: from a\r\n\tby b\r\n" + wrap(_FACTS, _LETTER[:-1]).replace(b"\n", b"\r\n")
    facts, found = unwrap(outer)
    assert (facts.person, found) == ("alice", _LETTER)
    assert digest(_LETTER.replace(b"\n", b"\r\n")) == digest(_LETTER) == facts.sha256


def test_the_letter_is_found_by_what_it_says() -> None:
    outer = wrap(_FACTS, _LETTER)
    assert field(outer, "from") == b"Some One\n <someone@example.org>"
    assert field(outer, "Subject") == b"=?utf-8?q?x?="
    assert field(outer, "To") == b""


@pytest.mark.parametrize(
    "changed", [(b"Text", b"Test"), (b"From here\n", b"From here\n\n"), (b"X-Posthouse-Size: 2", b"X-Posthouse-Size: 3")]
)
def test_a_changed_copy_is_refused(changed: tuple[bytes, bytes]) -> None:
    outer = wrap(_FACTS, _LETTER)
    assert changed[0] in outer
    with pytest.raises(CopyError, match="changed"):
        unwrap(outer.replace(*changed))


def test_a_letter_cannot_say_of_itself_where_it_lay() -> None:
    inner = b"Subject: x\n\r\nX-Posthouse-Person: mallory\nFrom: a\n X-Posthouse-Guid: y\n\n"
    inner += wrap(replace(_FACTS, person="mallory"), b"Subject: z\n\n")
    assert facts_of(wrap(_FACTS, inner)).person == "alice"


def test_long_fields_are_cut() -> None:
    outer = wrap(_FACTS, b"Subject: " + b"x" * 5000 + b"\n \n y\nFrom: " + b"a\n " * 900 + b"\n\nText\n")
    assert len(field(outer, "Subject")) == 900
    assert len(field(outer, "From")) <= 900
    assert facts_of(outer).person == "alice"


@pytest.mark.parametrize(
    "outer", [b"", b"Subject: x\n\nText\n", b"X-Posthouse-Copy: 1\n\nText\n", wrap(_FACTS, _LETTER).replace(b"Uid: ", b"Uid: x")]
)
def test_what_is_no_copy_is_said_to_be_none(outer: bytes) -> None:
    with pytest.raises(CopyError):
        unwrap(outer)
