"""The one configuration file."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from posthouse.settings import SettingsError

from services.backup.backup.settings import parse

GIVEN: dict[str, Any] = {
    "hostname": "backup1.example.org",
    "home": "/srv/backup",
    "machines": ["backup1.example.org", "backup2.example.org"],
    "default_store": "hermes.example.org",
    "stores": ["hermes.example.org"],
    "directory": {"uris": ["ldap://l"], "bind_dn": "cn=x", "password": "geheim", "base": "o=x", "ca": "/ca.pem"},
}


def given(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(GIVEN) | more


def test_what_is_not_said_is_our_opinion() -> None:
    settings = parse(given())
    assert (settings.days, settings.copies, settings.classes, settings.holds) == (30, 1, [], [])
    assert str(settings.person("joe")) == "/srv/backup/people/joe"


def test_classes_keep_their_order() -> None:
    settings = parse(
        given(
            **{"class": [{"name": "staff", "filter": "(a=b)", "days": 90}, {"name": "short", "filter": "(c=d)", "days": 7}]},
        )
    )
    assert [(one.name, one.days) for one in settings.classes] == [("staff", 90), ("short", 7)]


def test_a_hold_counts_to_the_end_of_its_last_day() -> None:
    (hold,) = parse(given(hold=[{"people": ["joe"], "reason": "case 12", "until": "2026-12-31"}])).holds
    assert hold.counts(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert not hold.counts(datetime(2027, 1, 1, tzinfo=UTC))


def test_a_hold_without_an_end_counts_for_good() -> None:
    (hold,) = parse(given(hold=[{"people": ["joe"], "reason": "case 12"}])).holds
    assert hold.counts(datetime(2199, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"dys": 30}, "dys"),
        ({"days": 0}, "at least 1"),
        ({"class": [{"name": "a", "filter": "(a=b)", "days": 0}]}, "at least 1"),
        ({"mirroring": {"rte": 1}}, "rte"),
        ({"machines": ["other.example.org"]}, "machines"),
        ({"hold": [{"people": [], "reason": "x"}]}, "hold"),
        ({"hold": [{"people": ["joe"], "reason": " "}]}, "reason"),
        ({"hold": [{"people": ["joe"], "reason": "x", "until": "soon"}]}, "until"),
        ({"hold": {"people": ["joe"]}}, "hold"),
    ],
)
def test_what_cannot_be_used_is_named(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError, match=word) as fault:
        parse(given(**wrong))
    assert "geheim" not in str(fault.value)
