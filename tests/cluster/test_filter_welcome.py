"""Welcome letters of many shapes arrive, unchanged; the filter tells no lie about any of them."""

from __future__ import annotations

from tests.corpus import shapes, shipped, words
from tests.corpus.sample import Sample
from tests.filtering import Filter, raw_letter
from tests.laboratory import Lab
from tests.people import Person

#: Letters that the filter of today takes for something else, each with the reason; a test fails when one is no longer.
FALSE_POSITIVES = {
    "cpython-msg_33": ("badheader", "amavis' MIME parser does not know boundary* of RFC 2231, of which no program makes use"),
    "cpython-msg_36": (
        "banned",
        "it refers to a file elsewhere (message/external-body), into which no filter can look: banned by our defaults",
    ),
}


def test_every_welcome_letter_arrives(content_filter: Filter, readers: dict[str, Person]) -> None:
    samples: list[Sample] = [*words.letters(), *shapes.letters(), *shipped.cpython()]
    ledger = content_filter.send(samples, readers["healthy"])
    assert not ledger.refused
    content_filter.settle(ledger, readers["healthy"])
    assert set(ledger.arrived.values()) == {1}
    false = {name: found for name, found in ledger.classes().items() if found != "arrived"}
    known = {name: FALSE_POSITIVES[name][0] for name in FALSE_POSITIVES if any(sample.name == name for sample in samples)}
    assert false == known


# The lab's machines have no documentation, so the package itself is asked.
EXTRACT = """
set -e
cd "$(mktemp -d)"
apt-get -qq -o APT::Sandbox::User=root download spamassassin
dpkg-deb --fsys-tarfile spamassassin_*.deb | tar -xOf - ./usr/share/doc/spamassassin/examples/sample-{}.txt
rm -rf "$PWD"
"""


def test_samples_that_spamassassin_ships(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """Its documentation has one letter of each kind; the spam is GTUBE's."""
    texts = {kind: lab.run(content_filter.machine, EXTRACT.format(kind)) for kind in ("nonspam", "spam")}
    samples = [Sample(f"spamassassin-{kind}", shipped.own_identity(text.encode())) for kind, text in texts.items()]
    ledger = content_filter.settle(content_filter.send(samples, readers["healthy"]), readers["healthy"])
    assert ledger.classes() == {"spamassassin-nonspam": "arrived", "spamassassin-spam": "spam"}


def test_a_letter_comes_out_as_it_went_in(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """Hops add lines above and marks beside; the body and every line of the header that was there are the same bytes."""
    person = readers["healthy"]
    samples = [sample for sample in shapes.letters() if sample.name in {"pgp-signed", "smime-signed", "html-picture-and-file"}]
    assert len(samples) == 3
    for sample in samples:
        ledger = content_filter.send([sample], person)
        token = next(iter(ledger.sent))
        lab.receive(person, token)
        header, _, body = sample.content.partition(b"\r\n\r\n")
        raw = raw_letter(lab, person, token)
        assert raw.partition(b"\r\n\r\n")[2].rstrip(b"\r\n") == body.rstrip(b"\r\n"), sample.name
        assert header in raw.partition(b"\r\n\r\n")[0], sample.name
