"""A kept message is decoded, however broken it is; nothing of it is believed."""

from collections.abc import Generator

import pytest

from services.quarantine.quarantine.message import beginning, decoded, original, show, without_ours

OURS = b"X-Envelope-From: <x@y>\r\nX-Envelope-To: <al@z>,\r\n <bo@z>\r\nX-Quarantine-ID: <abc>\r\nX-Amavis-Alert: BANNED\r\n"


def pieces(*parts: bytes) -> Generator[bytes, None, None]:
    yield from parts


def test_what_the_filter_wrote_is_taken_off() -> None:
    letter = b"Received: from x\r\n\tby y\r\nSubject: hi\r\n\r\nX-Envelope-To: in the body stays\r\n"
    assert without_ours(OURS + letter) == letter
    assert without_ours(OURS) == b""
    assert without_ours(b"\nbody") == b"\nbody"
    assert without_ours(b"no header at all") == b"no header at all"


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_the_original_is_the_same_in_whatever_pieces_it_comes(size: int) -> None:
    letter = OURS + b"Subject: hi\r\n\r\n" + b"body\r\n" * 300
    parts = [letter[start : start + size] for start in range(0, len(letter), size)]
    assert b"".join(original(pieces(*parts))) == b"Subject: hi\r\n\r\n" + b"body\r\n" * 300


def test_a_header_without_end_is_not_held() -> None:
    got = original(pieces(*[b"x" * 1000] * 50), most=3000)
    assert len(next(got)) == 4000
    assert len(b"".join(got)) == 46_000


def test_beginning() -> None:
    assert beginning(pieces(b"ab", b"cd")) == (b"abcd", False)
    assert beginning(pieces(b"ab", b"cd", b"ef"), 3) == (b"abc", True)


def test_headers_and_parts() -> None:
    letter = (
        b"From: =?utf-8?q?J=C3=B6rg?= <j@x>\r\nSubject: =?iso-8859-1?q?caf=E9?=\r\n =?utf-8?b?4piD?=\r\nX-A: b\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello \xe2\x98\x83\r\n'
        b'--b\r\nContent-Type: application/x-dosexec; name="a.exe"\r\nContent-Disposition: attachment; filename="a.exe"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nTVqQ\r\n--b--\r\n"
    )
    shown = show(letter)
    assert dict(shown.headers) == {"From": "Jörg <j@x>", "Subject": "café☃"}
    assert shown.text.strip() == "hello ☃"
    assert shown.parts[1] == {"type": "application/x-dosexec", "name": "a.exe", "size": 3}


def test_a_page_becomes_words_and_links_show_where_they_lead() -> None:
    page = b'<head><title>no</title></head><style>p</style><script>x()</script><p>Dear &lt;you&gt;</p><a href="http://evil.test/">bank</a>'
    assert show(b"Content-Type: text/html\n\n" + page).text == "Dear <you>\n[http://evil.test/] bank"


def test_rules_of_spamassassin() -> None:
    head = b"X-Spam-Status: Yes, score=9 required=5\n tests=[A_RULE=1.5, BAYES_99=-3,\n\tTHIRD=4e9, FOUR=2]\nSubject: tests=[NO=1]\n\n"
    assert show(head).rules == [("THIRD", 4.0), ("FOUR", 2.0), ("A_RULE", 1.5), ("BAYES_99", -3.0)]
    assert show(b"Subject: x\n\ntests=[A=1]").rules == []


def nested(depth: int) -> bytes:
    head = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (one, one) for one in range(depth))
    return head + b"Content-Type: text/plain\n\nend\n"


@pytest.mark.parametrize(
    "letter",
    [
        b"",
        b"\n",
        b"\x00\xff\xfe",
        b"Subject: =?nonsense?q?x?=\nContent-Type: text/plain; charset=nonsense\n\nx",
        b"Subject: =?utf-8?b?!!!?=\n\n",
        b'Content-Type: multipart/mixed; boundary=""\n\n--\n',
        b"Content-Type: text/plain; charset*=utf-8''%ff\n\nx",
        b"Content-Type: application/x; name*0*=%\nContent-Disposition: attachment; filename*=x'y\n\nx",
        b"Content-Transfer-Encoding: base64\n\n=\xff=",
        b"Content-Type: text/html\n\n<![x<!--<a href=<p>&#xffffffff;&#55555555555;",
        nested(20),
        nested(3000),
        b"Subject: " + b"x" * 100_000 + b"\n\n",
    ],
)
def test_hostile_letters_are_shown_somehow(letter: bytes) -> None:
    shown = show(letter)
    assert isinstance(shown.text, str)


def test_many_parts_are_cut() -> None:
    letter = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 10_000
    shown = show(letter)
    assert shown.cut
    assert len(shown.parts) < 250


def test_a_header_that_cannot_be_decoded_stays() -> None:
    assert decoded("=?x-unknown?q?abc?=") == "=?x-unknown?q?abc?="
    assert decoded("a\r\n b") == "a b"
