"""What leaves is signed, and somebody else's program, with keys from DNS, says that the signature is good."""

from __future__ import annotations

import re

import pytest

from tests import outgoing
from tests.laboratory import Lab

HEAD = "From: A printer <printer@{domain}>\r\nTo: out@elsewhere.test\r\nSubject: TOKEN\r\nMessage-ID: <TOKEN@printer.test>\r\n{more}\r\n"
SIGNED = "DKIM-Signature: v=1; "
#        shape: more of the header, body
SHAPES = {
    "plain": ("", b"A line.\r\n"),
    "no body": ("", b""),
    "spaces": ("X-Odd:   many \t spaces  \r\n\tand a second line\r\n", b"  two  \t spaces at the end  \r\n\r\n\r\n"),
    "eight bits": (
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
        "gr\u00fcn\r\n".encode(),
    ),
    "long lines": ("", b"word " * 1000 + b"\r\n" + b"x" * 5000 + b"\r\n"),
    "signed before": (SIGNED + "a=rsa-sha256; bh=AAAA; d=elsewhere.test; h=From; s=lab; t=1; b=AAAA\r\n\tBBBB\r\n", b"A line.\r\n"),
    "no signature": (SIGNED + "a=rsa-sha256; d=elsewhere.test; s=lab; b=;\r\n", b"A line.\r\n"),
    "no list of tags": ("DKIM-Signature: ;;==\r\n", b"A line.\r\n"),
    "dots": ("", b".\x20\r\n..\r\n.a\r\nFrom here\r\n"),
}


@pytest.fixture(scope="module")
def letters(lab: Lab) -> dict[str, str]:
    """Tokens of letters of every shape, which are on their way."""
    head = HEAD.format(domain=lab.inventory.domain, more="{more}")
    return {
        shape: outgoing.hand_in(lab, ["out@elsewhere.test"], head.format(more=more).encode() + body)
        for shape, (more, body) in SHAPES.items()
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_letters_of_every_shape_verify(lab: Lab, letters: dict[str, str], shape: str) -> None:
    message = outgoing.arrived(lab, letters[shape])
    # Ours is the first; that of somebody else stays, what only looks like one does not.
    ours, *others = message.get_all("DKIM-Signature", [])
    assert re.search(rf"\bd={re.escape(lab.inventory.domain)};", ours)
    assert len(others) == (shape == "signed before")
    assert outgoing.verdicts(lab, outgoing.files(lab, letters[shape])) == [{"signed": True, "good": True}]


def test_each_domain_signs_in_its_own_name_and_nobody_elses(lab: Lab) -> None:
    first, second = lab.inventory.values["cluster_domains"]
    for author, signed in ((f"printer@{second}", second), ("printer@elsewhere.test", ""), (f"printer@sub.{first}", "")):
        letter = HEAD.format(domain=author.partition("@")[2], more="").encode() + b"A line.\r\n"
        token = outgoing.hand_in(lab, ["out@elsewhere.test"], letter)
        signature = outgoing.arrived(lab, token)["DKIM-Signature"]
        assert (f"d={signed};" in signature) if signed else signature is None, f"{author}: {signature}"


def test_a_second_header_field_breaks_the_signature(lab: Lab) -> None:
    """Somebody between us and the reader adds a From, or a Content-Type that shows other text."""
    token = outgoing.hand_in(lab, ["out@elsewhere.test"])
    outgoing.arrived(lab, token)
    place = outgoing.files(lab, token)[0]
    for field in ("From: rector@elsewhere.test", "Subject: Pay at once", "Content-Type: text/html"):
        lab.run(lab.outside.name, f"{{ echo '{field}'; cat {place}; }} > /tmp/changed")
        assert outgoing.verdicts(lab, ["/tmp/changed"]) == [{"signed": True, "good": False}], field
