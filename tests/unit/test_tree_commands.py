"""Commands that follow files: when tree runs them, and when it owes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tree_on_disk import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root").mkdir()
    return Machine(tmp_path / "root", tmp_path / "state")


def test_commands_follow_their_files_and_their_product(machine: Machine) -> None:
    made = machine.root / "index"
    command = {
        "name": "index",
        "run": ["sh", "-c", f"cat {machine.root}/etc/* > {made}"],
        "on": [f"{machine.root}/etc"],
        "creates": str(made),
    }

    def run(content: str) -> Any:
        return machine.run({"etc/a": content}, commands=[command])["commands"]

    assert run("a\n") == ["index"]
    assert run("a\n") == []
    assert run("b\n") == ["index"]
    assert made.read_text() == "b\n"
    made.unlink()
    assert run("b\n") == ["index"]
    (machine.root / "etc/by-a-daemon").write_text("x")
    assert run("b\n") == [], "what a daemon writes below a directory is not configuration"


def test_a_command_that_failed_is_owed_until_it_succeeds(machine: Machine) -> None:
    flag = machine.root / "flag"
    options: dict[str, Any] = {"commands": [{"name": "c", "run": f"ls {flag}", "on": [f"{machine.root}/a"]}]}
    first = machine.run({"a": "a\n"}, **options)
    assert first["failed"]
    assert "command c" in first["msg"]
    assert machine.run({"a": "a\n"}, **options)["failed"]
    flag.touch()
    assert machine.run({"a": "a\n"}, **options)["commands"] == ["c"]
    assert machine.run({"a": "a\n"}, **options)["commands"] == []


def test_a_command_that_made_its_product_and_then_failed_is_owed(machine: Machine) -> None:
    made = machine.root / "made"
    command = {
        "name": "c",
        "run": ["sh", "-c", f"test -e {machine.root}/fail && touch {made} && exit 1; touch {made}"],
        "creates": str(made),
    }
    options: dict[str, Any] = {"commands": [{**command, "on": [f"{machine.root}/a"]}]}
    machine.run({"a": "a\n"}, **options)
    made.unlink()
    (machine.root / "fail").touch()
    assert machine.run({"a": "a\n"}, **options)["failed"]
    (machine.root / "fail").unlink()
    assert machine.run({"a": "a\n"}, **options)["commands"] == ["c"]


def test_a_command_follows_files_of_other_trees(machine: Machine) -> None:
    machine.run({"tls/cert": "1\n"}, tree="base")
    options: dict[str, Any] = {"commands": [{"name": "c", "run": "true", "on": [f"{machine.root}/tls"]}]}
    assert machine.run({"a": "a\n"}, **options)["commands"] == ["c"]
    assert machine.run({"a": "a\n"}, **options)["commands"] == []
    machine.run({"tls/cert": "2\n"}, tree="base")
    assert machine.run({"a": "a\n"}, **options)["commands"] == ["c"]


def test_a_file_that_was_edited_by_hand_and_is_put_right_counts_as_changed(machine: Machine) -> None:
    """A daemon may have been told to read the edited file; it runs with that one until somebody tells it again."""
    options: dict[str, Any] = {"commands": [{"name": "c", "run": "true", "on": [f"{machine.root}/a"]}]}
    assert machine.run({"a": "a\n"}, **options)["commands"] == ["c"]
    (machine.root / "a").write_text("by hand\n")
    assert machine.run({"a": "a\n"}, **options)["commands"] == ["c"]
    assert machine.run({"a": "a\n"}, **options)["commands"] == []


def test_files_that_were_put_back_owe_nobody_anything(machine: Machine) -> None:
    commands = [{"name": "c", "run": "true", "on": [f"{machine.root}/a"]}]
    assert machine.run({"a": "a\n"}, commands=commands)["commands"] == ["c"]
    assert machine.run({"a": "b\n"}, commands=commands, verify=["false"])["failed"]
    assert machine.run({"a": "a\n"}, commands=commands)["changed"] is False
