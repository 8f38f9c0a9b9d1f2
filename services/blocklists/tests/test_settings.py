"""The configuration file, good and bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from posthouse.settings import SettingsError

from services.blocklists.blocklists.settings import load, parse, passwords


def test_what_is_not_said_has_a_default() -> None:
    settings = parse({"lists": [{"zone": "a.test"}], "patience": 3})
    assert (settings.failures, settings.patience, settings.lists[0].test_address) == (3, 3.0, "127.0.0.2")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"failure": 3}, "unknown setting failure"),
        ({"failures": "3"}, "failures is not what it should be"),
        ({"failures": True}, "failures is not what it should be"),
        ({"failures": 0}, "at least 1"),
        ({"lists": [{}]}, r"lists\[0\]: zone is missing"),
        ({"lists": [{"zone": "a.test", "weight": 1}]}, r"lists\[0\]: unknown setting weight"),
        ({"lists": [{"zone": "a.test"}, {"zone": "a.test"}]}, "named twice: a.test"),
        ({"lists": [{"zone": "a.test", "answers": ["127"]}]}, "127 is no pattern"),
        ({"lists": [{"zone": "a.test", "test_address": "127.0.0"}]}, "127.0.0"),
        ({"never_listed": ["192.0.2.1/24"]}, "192.0.2.1/24"),
        ({"mirrors": [{"zone": "a.test", "type": "ip4set"}]}, r"mirrors\[0\]: source is missing"),
        ({"loss_percent": 0}, "loss_percent"),
    ],
)
def test_faults_are_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(match=said):
        parse(given)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "passwords.toml"
    assert passwords(file) == {}
    file.write_text('"feed.example" = "secret"\n')
    assert passwords(file) == {"feed.example": "secret"}
    file.write_text("feed.example = [\n")
    with pytest.raises(match=r"passwords.toml"):
        passwords(file)
    with pytest.raises(SettingsError):
        load(tmp_path / "nothing.toml")
