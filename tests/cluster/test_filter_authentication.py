"""Signatures survive the whole way; people find one word of ours on who sent a letter, and no forged one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from frontdoor import post
from tests.corpus import dkim_key, shapes, words
from tests.corpus.sample import Sample, crlf, part
from tests.filtering import raw_letter
from tests.laboratory import SENDER, Lab
from tests.people import Person

KEY = "/root/posthouse-test.key"
#: What a forger writes to be believed: a bank's signature, in our name. {ours} is the name that we use.
FORGERIES = [
    "Authentication-Results: {ours}; dkim=pass header.d=bank.test",
    "authentication-results: {ours};\n\tdkim=pass header.d=bank.test",
    "Authentication-Results: {OURS}; spf=pass smtp.mailfrom=bank.test",
    "Authentication-Results: {ours} 1; dmarc=pass header.from=bank.test",
    "Authentication-Results:\n {ours} ; dkim=pass header.d=bank.test",
    "Authentication-Results: (trust me) {ours} (really); dkim=pass header.d=bank.test",
    'Authentication-Results: "{ours}"; dkim=pass header.d=bank.test',
    "Authentication-Results: mx1.{ours}; dkim=pass header.d=bank.test",
    "Authentication-Results: (a(b)) mx1.{ours}; dkim=pass header.d=bank.test",
    "Authentication-Results: (a\\)) mx1.{ours}; dkim=pass header.d=bank.test",
    'Authentication-Results: "mx1\\.{ours}"; dkim=pass header.d=bank.test',
    "Authentication-Results: mx1.{ours}.; dkim=pass header.d=bank.test",
]
#: dkimpy signs no letter with such a field, and RFC 5322 (4.5) still wants it read.
OBSOLETE = "Authentication-Results : {ours}; dkim=pass header.d=bank.test"


@pytest.fixture(scope="module")
def signer(lab: Lab) -> Iterator[None]:
    """The outside machine with the key of its domain, which signs with dkimpy as many do."""
    lab.run(lab.outside.name, f"umask 077; cat > {KEY}", dkim_key.private_text())
    yield
    lab.run(lab.outside.name, f"rm -f {KEY}")


def signed(lab: Lab, sample: Sample, token: str, to: Person) -> bytes:
    """Return a letter with a signature of elsewhere.test."""
    letter = sample.addressed(token, SENDER, to.mail).decode("ascii")
    command = f"dkimsign --bcanon relaxed {dkim_key.SELECTOR} {dkim_key.DOMAIN} {KEY}"
    return crlf(lab.run(lab.outside.name, command, letter))


def verified(lab: Lab, letter: bytes) -> bool:
    """Whether dkimpy, outside and with the key that DNS has, finds the first signature of a letter good."""
    said = lab.run(lab.outside.name, "dkimverify 2>&1", letter.decode("ascii"), check=False)
    return "signature ok" in said


def delivered(lab: Lab, person: Person, letter: bytes, token: str) -> bytes:
    """Hand a letter over and return it as it lies in the mailbox."""
    outcome = post.hand_over(lab.smtp, SENDER, [person.mail], letter)[person.mail]
    assert outcome.sent, outcome
    lab.receive(person, token)
    return raw_letter(lab, person, token)


def results(letter: bytes) -> list[str]:
    """Return every Authentication-Results of a letter, unfolded."""
    header = re.sub(rb"\r\n[ \t]+", b" ", letter.partition(b"\r\n\r\n")[0]).decode("latin-1")
    return re.findall(r"^Authentication-Results[ \t]*:[ \t]*(.*?)\r?$", header, re.IGNORECASE | re.MULTILINE)


SIGNED = [
    sample
    for sample in (*words.letters(), *shapes.letters())
    if sample.name in {"english", "newsletter", "html-picture-and-file", "no-mime"}
]


@pytest.mark.usefixtures("signer")
@pytest.mark.parametrize("sample", SIGNED, ids=lambda sample: sample.name)
def test_a_signature_is_still_good_in_the_mailbox(lab: Lab, readers: dict[str, Person], sample: Sample) -> None:
    person, token = readers["healthy"], post.new_token()
    letter = signed(lab, sample, token, person)
    assert verified(lab, letter), "the outside machine signs, and finds its key in DNS"
    assert not verified(lab, letter.replace(b"\r\n\r\n", b"\r\n\r\nforged ", 1)), "a verifier that cannot say no is none"
    found = delivered(lab, person, letter, token)
    assert verified(lab, found)
    (said,) = results(found)
    assert said.split(";")[0].strip() == lab.inventory.domain
    assert "dkim=pass" in said
    assert dkim_key.DOMAIN in said
    assert "spf=pass" in said, "the outside machine is the MX of its domain, and its SPF record says mx"
    assert "dmarc=pass" in said


@pytest.mark.usefixtures("signer")
def test_forged_results_are_gone_and_ours_is_there_once(lab: Lab, readers: dict[str, Person]) -> None:
    person, token = readers["healthy"], post.new_token()
    ours = lab.inventory.domain
    forged = "".join(f"{line.format(ours=ours, OURS=ours.upper())}\n" for line in FORGERIES)
    letter = crlf(forged) + signed(lab, Sample("forged", part("text/plain", b"Believe me.\r\n")), token, person)
    found = delivered(lab, person, letter, token)
    said = results(found)
    assert len([one for one in said if ours in one.lower().replace("\\", "")]) == 1, said
    assert not any("bank.test" in one for one in said), said
    assert "dkim=pass" in said[0]
    assert verified(lab, found), "taking lines away that nobody has signed breaks no signature"


@pytest.mark.parametrize("domain", ["bank.test header.x=.elsewhere.test", "bank.test ("])
def test_a_signature_says_a_domain_and_nothing_else(lab: Lab, readers: dict[str, Person], domain: str) -> None:
    """What a signature calls its domain stands in our header: it must not read as somebody else's, or hide what follows."""
    person, token = readers["healthy"], post.new_token()
    signature = f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=lab; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\n"
    sample = Sample("domain", crlf(f"{signature}Content-Type: text/plain\n\nBelieve me.\n"))
    (said,) = results(delivered(lab, person, sample.addressed(token, SENDER, person.mail), token))
    assert "bank.test" not in said
    assert "arc=none" in said


def test_forged_results_in_obsolete_spelling_are_gone(lab: Lab, readers: dict[str, Person]) -> None:
    person, token = readers["healthy"], post.new_token()
    sample = Sample("obsolete", crlf(f"{OBSOLETE.format(ours=lab.inventory.domain)}\nContent-Type: text/plain\n\nBelieve me.\n"))
    said = results(delivered(lab, person, sample.addressed(token, SENDER, person.mail), token))
    assert len(said) == 1, said
    assert "bank.test" not in said[0]


def test_who_is_not_whom_he_says_is_told_so(lab: Lab, readers: dict[str, Person]) -> None:
    """Another address on the internet than elsewhere.test's MX, and no signature."""
    token, outcome = lab.send(readers["healthy"].mail, origin=lab.stranger())
    assert outcome.sent, outcome
    lab.receive(readers["healthy"], token)
    (said,) = results(raw_letter(lab, readers["healthy"], token))
    assert "spf=fail" in said
    assert "dkim=none" in said
    assert "dmarc=fail" in said


@pytest.mark.usefixtures("signer")
def test_a_letter_that_was_changed_on_the_way_is_told_so(lab: Lab, readers: dict[str, Person]) -> None:
    person, token = readers["healthy"], post.new_token()
    letter = signed(lab, Sample("changed", part("text/plain", b"Pay ten.\r\n")), token, person)
    found = delivered(lab, person, letter.replace(b"Pay ten", b"Pay all", 1), token)
    (said,) = results(found)
    assert "dkim=fail" in said
