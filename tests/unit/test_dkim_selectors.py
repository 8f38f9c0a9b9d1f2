"""The module dkim_selectors as a playbook calls it: what it answers, what it leaves in the directory, and that a check leaves nothing."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from module_utils import dkim

SHORT: dict[str, Any] = {"publish_wait": 0, "retire_wait": 0, "period": 0}


class Call:
    """The module, on one directory."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str], main: Any) -> None:
        """main: the module's."""
        self.directory, self._capsys, self._main = directory, capsys, main

    def __call__(self, step: str = "next", check: bool = False, **more: Any) -> dict[str, Any]:
        """Call it; return its answer."""
        asked = {"directory": str(self.directory), "domains": ["example.edu"], "step": step, "_ansible_check_mode": check, **more}
        with patch_module_args(asked), pytest.raises(SystemExit):
            self._main()
        answer: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return answer

    @property
    def files(self) -> list[str]:
        """Names in the directory; none when there is none."""
        return sorted(path.name for path in self.directory.iterdir()) if self.directory.exists() else []


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    # On a machine Ansible packs the module together with what it needs under this name.
    monkeypatch.setitem(sys.modules, "ansible.module_utils.dkim", dkim)
    return Call(tmp_path / "dkim", capsys, importlib.import_module("library.dkim_selectors").main)


def test_a_check_leaves_nothing(call: Call) -> None:
    answer = call("first", check=True)
    assert (answer["changed"], answer["kind"], call.files) == (True, "first", [])
    call("first")
    before = (call.directory / "selectors.yml").read_text()
    assert call(check=True, **SHORT)["kind"] == "publish"
    assert (call.directory / "selectors.yml").read_text() == before
    assert len(call.files) == 2


def test_the_first_one_once(call: Call) -> None:
    answer = call("first")
    assert answer["changed"]
    assert call.files == [f"{answer['selector']}.key", "selectors.yml"]
    assert call.directory.stat().st_mode & 0o777 == 0o700
    assert not call("first")["changed"]
    assert call("first", domains=["example.edu", "example.org"])["changed"]
    records = next(iter(dkim.read(str(call.directory)).values()))["records"]
    assert list(records) == ["example.edu", "example.org"]
    assert len(set(records.values())) == 1


def test_too_early_is_a_refusal_that_changes_nothing(call: Call) -> None:
    call("first")
    answer = call()
    assert answer["failed"]
    assert answer["msg"].startswith("Not due: ")
    assert call(now=True)["kind"] == "publish"
    call("confirm")
    before = (call.directory / "selectors.yml").read_text()
    assert call(now=True)["msg"].startswith("Too early: "), "what shortens the period shortens no other waiting time"
    assert (call.directory / "selectors.yml").read_text() == before


def test_a_step_that_was_not_confirmed_is_repeated(call: Call) -> None:
    old = call("first")["selector"]
    new = call(**SHORT)["selector"]
    answer = call(**SHORT)
    assert (answer["kind"], answer["selector"], answer["changed"]) == ("publish", new, False)
    assert "Not every machine had heard of it" in answer["msg"]
    assert call("confirm")["changed"]
    assert not call("confirm")["changed"]
    assert (call(**SHORT)["kind"], call("confirm")["changed"]) == ("sign", True)
    assert f"{old}.key" in call.files
    assert (call(**SHORT)["kind"], call("confirm")["changed"]) == ("withdraw", True)
    assert call.files == [f"{new}.key", "selectors.yml"]


def test_a_page_that_cannot_be_read_is_never_written_over(call: Call) -> None:
    call("first")
    page = call.directory / "selectors.yml"
    page.write_text("spoilt: [")
    for step in ("first", "next", "confirm"):
        assert "cannot be read" in call(step)["msg"]
    assert page.read_text() == "spoilt: ["
