"""A mistake in the configuration is named, and a password never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from posthouse.settings import SettingsError

from services.rates.rates.limits import NONE, Numbers
from services.rates.rates.settings import load, parse

from .conftest import GIVEN

DATABASE = {"host": "db1", "password": "a secret word", "ca": "/ca.pem"}


def test_what_is_given() -> None:
    settings = parse(GIVEN | {"database": DATABASE})
    assert settings.person == Numbers(5, 10)
    assert settings.networks.device("192.0.2.9")[1].hard == NONE
    assert settings.database
    assert settings.database.user == "rates"
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"persn": {}}, "unknown setting persn"),
        ({"person": {"soft": 3}}, "person has hard"),
        ({"person": {"soft": 30, "hard": 20}}, "soft is not above hard"),
        ({"device": {"hard": "10"}}, "whole numbers"),
        ({"device": {"hard": True}}, "whole numbers"),
        ({"postmaster": None}, "postmaster is missing"),
        ({"network": [{"hard": 3}]}, "each with a network"),
        ({"network": [{"network": "192.0.2.7/24", "hard": 3}]}, "host bits"),
        ({"network": [{"network": "192.0.2.0/24"}]}, "192.0.2.0/24 has hard"),
        ({"window": 0}, "window is above 0"),
        ({"database": DATABASE | {"password": 7}}, "database: password is not what it should be"),
        ({"database": {"host": "db1"}}, "database: password is missing"),
        ({"directory": {"uris": [], "bind_dn": "", "password": "", "base": "", "ca": ""}}, "uris needs at least one"),
    ],
)
def test_mistakes(change: dict[str, Any], said: str) -> None:
    merged = {name: value for name, value in {**GIVEN, **change}.items() if value is not None}
    with pytest.raises(SettingsError, match=said) as caught:
        parse(merged, "file")
    assert "secret" not in str(caught.value)


def test_no_file_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(SettingsError, match=r"bad\.toml"):
        load(tmp_path / "bad.toml")
