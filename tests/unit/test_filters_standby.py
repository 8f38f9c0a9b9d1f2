"""What waits on a standby is what roles of a mailstore install."""

from __future__ import annotations

from pathlib import Path

import pytest

from filter_plugins import standby


@pytest.fixture
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two roles, one of which has no variables."""
    for name, text in (("store", "__store_packages: [postfix, dovecot-core]\n__store_debconf: [a b select c]\n"), ("copies", "")):
        (tmp_path / name / "vars").mkdir(parents=True)
        if text:
            (tmp_path / name / "vars" / "main.yml").write_text(text)
    monkeypatch.setattr(standby, "_ROLES", tmp_path)
    return tmp_path


def test_packages_of_roles_are_named_once(roles: Path) -> None:
    (roles / "copies" / "vars" / "main.yml").write_text("__copies_packages: [postfix, python3]\n")
    assert standby.standby_packages(["store", "copies"]) == ["postfix", "dovecot-core", "python3"]


@pytest.mark.usefixtures("roles")
def test_a_role_may_install_nothing() -> None:
    assert standby.standby_packages(["store", "copies"]) == ["postfix", "dovecot-core"]
    assert standby.standby_debconf(["store", "copies"]) == ["a b select c"]


def test_what_cannot_be_read_is_said(roles: Path) -> None:
    with pytest.raises(ValueError, match="there is no role other"):
        standby.standby_packages(["other"])
    (roles / "copies" / "vars" / "main.yml").write_text("__copies_packages: \"{{ ['a'] + b }}\"\n")
    with pytest.raises(ValueError, match="__copies_packages is an expression"):
        standby.standby_packages(["copies"])


def test_a_mailstore_brings_postfix_and_dovecot() -> None:
    assert {"postfix", "dovecot-core"} <= set(standby.standby_packages(["mailstore", "double_delivery"]))
    assert standby.standby_debconf(["mailstore"])
