"""What an entry means, and which keys Postfix finds."""

from typing import Any

import pytest

from services.recipients.recipients.table import Person, Status, compose, lookup_keys, pending, person


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"mail": [b"Hardy@Madstop.test"]}, Person(("hardy@madstop.test",), Status.VALID)),
        ({"MAIL": [b"a@b.test"], "mailalternateaddress": [b"c@b.test", b"A@b.test"]}, Person(("a@b.test", "c@b.test"), Status.VALID)),
        ({"mail": [b"a@b.test"], "accountStatus": [b"noaccess"]}, Person(("a@b.test",), Status.VALID)),
        ({"mail": [b"a@b.test"], "accountStatus": [b"anything"]}, Person(("a@b.test",), Status.VALID)),
        ({"mail": [b"a@b.test"], "accountStatus": [b"Disabled"]}, Person(("a@b.test",), Status.DISABLED)),
        ({"mail": [b"a@b.test"], "accountStatus": [b"deleted"]}, Person(("a@b.test",), Status.DELETED)),
        ({"mail": [b"nobody", b"@b.test", b"a@", b"a b@c.test", b"\xff@b.test", b"a\n@b.test"]}, Person((), Status.VALID, 6)),
        ({}, Person((), Status.VALID)),
    ],
)
def test_person(attributes: Any, expected: Any) -> None:
    assert person(attributes) == expected


def test_the_kinder_status_wins_where_two_have_one_address(settings: Any) -> None:
    entries = [Person(("a@madstop.test",), status) for status in (Status.DELETED, Status.VALID, Status.DISABLED)]
    assert compose(entries, settings).records[b"a@madstop.test"] == b"OK"


def test_replies(settings: Any) -> None:
    entries = [Person((f"{status.name.lower()}@madstop.test",), status) for status in Status]
    table = compose(entries, settings)
    assert table.records[b"disabled@madstop.test"].startswith(b"550 5.2.1 ")
    assert table.records[b"deleted@madstop.test"] == b"550 5.1.1 Sorry, no mailbox here by that name."
    assert (table.valid, table.disabled, table.deleted, table.size) == (1, 1, 1, 3)


def test_a_catchall_opens_its_domain_and_no_other(settings: Any) -> None:
    table = compose([Person(("catchall@alumni.madstop.test",), Status.VALID)], settings)
    assert table.records[b"alumni.madstop.test"] == b"OK"
    assert b"madstop.test" not in table.records


def test_a_catchall_that_is_disabled_opens_nothing(settings: Any) -> None:
    assert b"alumni.madstop.test" not in compose([Person(("catchall@alumni.madstop.test",), Status.DISABLED)], settings).records


def test_postmaster_and_abuse_are_valid_whatever_the_directory_says(settings: Any) -> None:
    table = compose([Person(("postmaster@madstop.test",), Status.DISABLED)], settings)
    for key in (b"postmaster@madstop.test", b"abuse@madstop.test", b"postmaster@alumni.madstop.test", b"abuse@alumni.madstop.test"):
        assert table.records[key] == b"OK"


def test_who_knows_nobody_yet_refuses_nobody_for_good(settings: Any) -> None:
    assert set(pending(settings)) == {b"madstop.test", b"alumni.madstop.test"}
    assert all(reply.startswith(b"451 ") for reply in pending(settings).values())


def test_lookup_keys() -> None:
    assert lookup_keys(" A@B.test ") == [b"a@b.test", b"b.test"]
    assert lookup_keys("nobody") == [b"nobody"]
