"""The ledger of the tests of storage: it must be able to find that something was lost."""

from __future__ import annotations

import pytest

from frontdoor import post
from tests.storage.ledger import Book, digest_of, senders_in, text, texts_in

TAKEN = post.Outcome("sent", 250, "2.0.0 Ok")


def letter(token: str, body: str) -> bytes:
    return post.letter(token, f"{token}@elsewhere.test", "rosa@madstop.test", body=body)


def test_only_what_was_acknowledged_can_be_lost() -> None:
    book = Book()
    book.note("kept", "1", TAKEN)
    book.note("gone", "2", TAKEN)
    book.note("queued", "3", TAKEN)
    book.note("broken", "4", TAKEN)
    book.note("cut", "5", post.Outcome("data", 0, "Connection unexpectedly closed"))
    book.note("later", "6", post.Outcome("rcpt", 450, "4.2.0 later"))
    book.note("later", "7", post.Outcome("data", 451, "4.3.0 later"))
    assert book.missing({"kept": ["1"], "broken": ["another text", "and one"]}, {"queued"}) == ["broken", "gone"]
    assert book.missing({"kept": ["1"], "broken": ["torn", "4"], "gone": ["2"], "queued": ["3"]}) == []
    assert list(book.doubtful) == ["cut"]
    assert book.final == []


def test_a_refusal_for_good_is_told() -> None:
    book = Book()
    book.note("no", "1", post.Outcome("rcpt", 550, "5.1.1 nobody"))
    assert book.final == ["rcpt: 550 5.1.1 nobody"]


def test_a_text_comes_back_as_it_went() -> None:
    body = text("t1")
    assert len(body) == pytest.approx(2000, abs=100)
    whole = letter("t1", body)
    stored = whole.replace(b"\r\n", b"\n")
    assert texts_in([whole, stored]) == {"t1": [digest_of(body)] * 2}


def test_files_that_a_power_cut_left_are_not_the_letter() -> None:
    body = text("t1")
    whole = letter("t1", body)
    torn = [b"", bytes(len(whole)), whole[:-900], whole[:-900] + bytes(900)]
    assert digest_of(body) not in texts_in(torn).get("t1", [])
    assert texts_in([b"", bytes(100)]) == {}


def test_a_queue_names_its_letters_by_their_sender() -> None:
    listing = '{"queue_name": "deferred", "sender": "t1@elsewhere.test"}\n\n{"queue_name": "active", "sender": "MAILER-DAEMON"}\n'
    assert senders_in(listing) == {"t1", "MAILER-DAEMON"}
