"""Spam, banned files and broken headers are kept in their class; who asked for something else gets that."""

from __future__ import annotations

import pytest

from tests.corpus import unwanted
from tests.corpus.sample import Sample, part
from tests.filtering import Filter
from tests.laboratory import Lab
from tests.people import Person

PLAIN = Sample("plain", part("text/plain", b"A letter as any other.\r\n"))


def bad_headers(lab: Lab) -> list[Sample]:
    """Letters that the filter of this lab calls bad: bytes above 127 only where the site is strict about them."""
    tests = lab.inventory.everywhere("content_filter_header_tests")
    return [sample for sample in unwanted.bad_headers() if tests is None or "8bit" in tests or not sample.name.startswith("2-")]


def test_each_kind_is_kept_in_its_class(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    kinds = {"spam": unwanted.spam(), "banned": unwanted.banned(), "badheader": bad_headers(lab)}
    ledger = content_filter.send([sample for samples in kinds.values() for sample in samples], readers["wary"])
    assert not ledger.refused
    classes = content_filter.settle(ledger, readers["wary"]).classes()
    expected = {sample.name: kind for kind, samples in kinds.items() for sample in samples}
    assert {name: found for name, found in classes.items() if found != expected[name]} == {}
    assert all(item["sender"] == "writer@elsewhere.test" and item["recipient"] == readers["wary"].mail for item in ledger.kept.values())


def test_small_mistakes_in_a_header_are_forgiven_or_kept_and_never_lost(content_filter: Filter, readers: dict[str, Person]) -> None:
    mended = [sample.name for sample in unwanted.mended_headers()]
    ledger = content_filter.send([*unwanted.mended_headers(), *unwanted.careless_headers()], readers["wary"])
    assert not ledger.refused
    classes = content_filter.settle(ledger, readers["wary"]).classes()
    assert set(classes.values()) <= {"arrived", "badheader"}, classes
    assert {classes[name] for name in (*mended, "no-subject", "no-to", "utf8-subject", "space-before-colon")} == {"arrived"}


# What a person may say in the policy table, a letter of which kind shows it, and what becomes of that letter.
POLICIES: list[tuple[str, dict[str, str | float], Sample, str]] = [
    ("bold", {"banned_files_lover": "Y"}, unwanted.banned()[0], "arrived"),
    ("bold", {"bypass_banned_checks": "Y"}, unwanted.banned()[2], "arrived"),
    ("lenient", {"bad_header_lover": "Y"}, next(one for one in unwanted.bad_headers() if one.name.startswith("8-")), "arrived"),
    ("tolerant", {"spam_lover": "Y"}, unwanted.spam()[0], "arrived"),
    ("tolerant", {"spam_tag2_level": 2000, "spam_kill_level": 2000}, unwanted.spam()[1], "arrived"),
    ("choosy", {"spam_kill_level": -900}, PLAIN, "spam"),
    # amavis would drop these without a copy; we do not even ask for such columns.
    ("choosy", {"spam_quarantine_to": ""}, unwanted.spam()[2], "spam"),
    ("choosy", {"spam_quarantine_cutoff_level": 1}, unwanted.spam()[3], "spam"),
]


@pytest.mark.parametrize(("who", "settings", "sample", "fate"), POLICIES, ids=[f"{one[0]}-{next(iter(one[1]))}" for one in POLICIES])
def test_a_persons_own_settings_count(
    content_filter: Filter, readers: dict[str, Person], who: str, settings: dict[str, str | float], sample: Sample, fate: str
) -> None:
    person = readers[who]
    with content_filter.policy(person, settings):
        ledger = content_filter.settle(content_filter.send([sample], person), person)
    assert ledger.classes() == {sample.name: fate}


def test_a_letter_to_two_people_goes_by_the_settings_of_each(content_filter: Filter, readers: dict[str, Person]) -> None:
    wary, bold = readers["wary"], readers["bold"]
    sample = unwanted.banned()[1]
    with content_filter.policy(bold, {"banned_files_lover": "Y"}):
        ledger = content_filter.settle(content_filter.send([sample], [wary, bold]), wary)
        assert ledger.classes() == {sample.name: "banned"}
        assert content_filter.settle(ledger, bold).classes() == {sample.name: "arrived"}
    assert not set(content_filter.tokens(wary)) & set(ledger.sent)


def test_senders_whom_a_person_welcomes_or_does_not(content_filter: Filter, readers: dict[str, Person]) -> None:
    person, other = readers["choosy"], readers["wary"]
    gtube = unwanted.spam()[0]
    with content_filter.policy(person, {}, {"friend@elsewhere.test": "W", "@pest.elsewhere.test": "B"}):
        friend = content_filter.send([gtube], [person, other], "friend@elsewhere.test")
        pest = content_filter.send([PLAIN], [person, other], "anybody@pest.elsewhere.test")
        assert content_filter.settle(friend, person).classes() == {gtube.name: "arrived"}
        assert content_filter.settle(friend, other).classes() == {gtube.name: "spam"}
        assert content_filter.settle(pest, person).classes() == {"plain": "spam"}
        assert content_filter.settle(pest, other).classes() == {"plain": "arrived"}


def test_spam_that_a_person_wants_is_marked(lab: Lab, content_filter: Filter, readers: dict[str, Person]) -> None:
    person = readers["tolerant"]
    with content_filter.policy(person, {"spam_lover": "Y"}):
        ledger = content_filter.send([unwanted.spam()[0]], person)
        message = lab.receive(person, next(iter(ledger.sent)))
    assert message["X-Spam-Flag"] == "YES"
    assert "GTUBE" in message["X-Spam-Status"]
