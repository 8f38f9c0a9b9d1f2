"""Of whom nothing is culled."""

from datetime import UTC, datetime

from services.backup.backup.holds import held, is_held
from services.backup.backup.settings import parse

from .test_settings import given

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_the_longest_hold_counts_and_what_is_over_does_not() -> None:
    settings = parse(
        given(
            hold=[
                {"people": ["joe", "Ann"], "reason": "short", "until": "2026-11-30"},
                {"people": ["joe"], "reason": "for good"},
                {"people": ["joe"], "reason": "long", "until": "2030-01-01"},
                {"people": ["bob"], "reason": "over", "until": "2026-11-22"},
            ]
        )
    )
    assert {uid: hold.reason for uid, hold in held(settings, NOW).items()} == {"joe": "for good", "ann": "short"}
    assert is_held(settings, "ANN", NOW)
    assert not is_held(settings, "bob", NOW)
