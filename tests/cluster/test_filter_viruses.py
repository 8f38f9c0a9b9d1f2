"""A virus reaches nobody in any disguise, and the quarantine has every one."""

from __future__ import annotations

import pytest

from tests.corpus import containers, eicar, hostile
from tests.corpus.sample import TEXT, Sample, part, several
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person


def test_no_disguise_of_the_test_virus_arrives(content_filter: Filter, readers: dict[str, Person]) -> None:
    ledger = content_filter.send(eicar.variants(), readers["wary"])
    assert not ledger.refused
    assert len(ledger.sent) >= 100
    classes = content_filter.settle(ledger, readers["wary"]).classes()
    assert {name: found for name, found in classes.items() if found != "virus"} == {}


def test_the_labs_made_up_families_are_viruses_too(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    """Signatures of the inventory in ClamAV's words: name, target (0 is any file), place, hexadecimal."""
    lines = [line.split(":") for text in lab.inventory.everywhere("antivirus_local_signatures").values() for line in text.split()]
    families = {name: bytes.fromhex(text) for name, target, _, text in lines if target == "0" and "Eicar" not in name}
    assert len(families) == 2
    samples = []
    for name, text in families.items():
        samples.append(Sample(f"{name}-body", part("text/plain", b"see: " + text + b"\r\n")))
        samples.append(Sample(f"{name}-page", part("text/html", b"<html><body><p>" + text + b"</p></body></html>\r\n")))
        samples.append(Sample(f"{name}-zip", several([TEXT, eicar.attached(containers.zipped({"a.doc": b"x" * 99 + text}), "a.zip")])))
    ledger = content_filter.send(samples, readers["wary"])
    assert set(content_filter.settle(ledger, readers["wary"]).classes().values()) == {"virus"}, ledger.classes()


def test_a_virus_among_what_wears_a_filter_out_does_not_arrive(content_filter: Filter, readers: dict[str, Person]) -> None:
    """Over its limits amavis spares the virus scanner; then the letter must not pass either. Postfix takes all of these."""
    ledger = content_filter.send(hostile.infected_and_hostile(), readers["wary"])
    assert not ledger.refused
    classes = content_filter.settle(ledger, readers["wary"], 120).classes()
    assert {name: found for name, found in classes.items() if found not in {"virus", "banned", "unchecked"}} == {}


@pytest.mark.parametrize("setting", ["virus_lover", "bypass_virus_checks"])
def test_nobody_can_ask_for_viruses(content_filter: Filter, readers: dict[str, Person], setting: str) -> None:
    person = readers["bold"]
    with content_filter.policy(person, {setting: "Y"}):
        ledger = content_filter.send([Sample(f"loved-{setting}", part("text/plain", eicar.EICAR + b"\r\n"))], person)
        classes = content_filter.settle(ledger, person).classes()
    assert classes == {f"loved-{setting}": "virus"}
