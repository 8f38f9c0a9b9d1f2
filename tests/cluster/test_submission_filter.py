"""What people send is looked through for viruses, and for nothing else that others' mail is stopped for."""

from __future__ import annotations

from tests.corpus import eicar, unwanted
from tests.corpus.sample import Sample, part
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person

PLAIN = Sample("plain", part("text/plain", b"A letter as any other.\r\n"))


def test_viruses_stay_and_nothing_else_does(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    person, sender = readers["choosy"], f"printer@{lab.inventory.domain}"
    viruses = eicar.variants()[:3]
    others = [PLAIN, unwanted.spam()[0], unwanted.banned()[0], next(unwanted.bad_headers())]
    ledger = content_filter.settle(content_filter.send([*viruses, *others], person, sender, door=content_filter.campus), person)
    assert ledger.refused == {}
    fates = {sample.name: "virus" for sample in viruses} | {sample.name: "arrived" for sample in others}
    assert ledger.classes() == fates
