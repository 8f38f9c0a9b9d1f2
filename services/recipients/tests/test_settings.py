"""A mistake in the configuration is named."""

from typing import Any

import pytest
from posthouse.settings import SettingsError

from services.recipients.recipients.settings import load, parse


def test_defaults(settings: Any) -> None:
    assert settings.loss_percent == 20.0
    assert settings.filter == "(objectClass=qmailUser)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pasword": "x"}, "unknown setting pasword"),
        ({"base": None}, "base is missing"),
        ({"refresh": "soon"}, "refresh is not what it should be"),
        ({"refresh": True}, "refresh is not"),
        ({"refresh": 0}, "above 0"),
        ({"uris": []}, "at least one"),
        ({"uris": "ldap://one"}, "uris is not"),
        ({"domains": [1]}, "domains"),
        ({"loss_percent": 101}, "loss_percent"),
    ],
)
def test_mistakes(given: Any, change: Any, said: Any) -> None:
    merged = {name: value for name, value in {**given, **change}.items() if value is not None}
    with pytest.raises(SettingsError, match=said.replace("[", r"\[")):
        parse(merged, "file")


def test_no_file(tmp_path: Any) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml")


def test_no_toml(tmp_path: Any) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("a = ")
    with pytest.raises(SettingsError, match=r"bad\.toml"):
        load(path)
