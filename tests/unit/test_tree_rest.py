"""What a tree that has nothing to do says of the other trees of its machine, and when a task believes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from action_plugins.tree import GOOD_FOR, ActionModule, digest
from callback_plugins.at_rest import CallbackModule
from callback_plugins.warm import spare_validation
from module_utils.tree import packages
from tests.tree_on_disk import Machine

A, B = {"a/a.conf": "a\n"}, {"b/b.conf": "b\n", "b/secret": {"content": "hunter2", "secret": True}}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(packages, "POLICY", str(tmp_path / "policy-rc.d"))
    (tmp_path / "root").mkdir()
    return Machine(tmp_path / "root", tmp_path / "state")


def at_rest(machine: Machine, agent: str = "1", **options: Any) -> Any:
    """Run tree `a`, which has nothing to do, and return what it says of the others."""
    return machine.run(A, "a", agent=agent, digest="of a", **options)["at_rest"]


@pytest.fixture
def settled(machine: Machine) -> Machine:
    """Both trees are made, `b` with a command that follows its file."""
    machine.run(A, "a", agent="1", digest="of a")
    machine.run(B, "b", agent="1", digest="of b", commands=[{"name": "c", "run": "true", "on": [f"{machine.root}/a"]}], verify=["true"])
    return machine


def test_names_the_others_that_have_nothing_to_do_in_check_mode_too(settled: Machine) -> None:
    assert at_rest(settled) == {"b": "of b"}
    assert at_rest(settled, check=True) == {"b": "of b"}


@pytest.mark.parametrize(
    "drift",
    [
        pytest.param(lambda root: (root / "b/b.conf").write_text("drift\n"), id="content"),
        pytest.param(lambda root: (root / "b/b.conf").chmod(0o666), id="mode"),
        pytest.param(lambda root: (root / "b/b.conf").unlink(), id="missing"),
        pytest.param(lambda root: (root / "b/secret").write_text("hunter3"), id="a secret"),
    ],
)
def test_compares_for_real(settled: Machine, drift: Callable[[Path], Any]) -> None:
    drift(settled.root)
    assert at_rest(settled) == {}
    assert settled.run(B, "b", agent="1", digest="of b")["changed"]


def test_whoever_owes_a_command_is_not_at_rest(settled: Machine) -> None:
    settled.run({"a/a.conf": "new\n"}, "a", agent="1", digest="of new a")
    assert settled.run({"a/a.conf": "new\n"}, "a", agent="1", digest="of new a")["at_rest"] == {}


def test_a_tree_that_changed_something_says_nothing_of_others(settled: Machine) -> None:
    assert "at_rest" not in settled.run({"a/a.conf": "new\n"}, "a", agent="1", digest="of new a")


def test_a_run_that_did_not_end_well_leaves_nothing_to_believe(settled: Machine) -> None:
    assert settled.run({**B, "b/b.conf": "new\n"}, "b", agent="1", digest="of new b", verify=["false"])["failed"]
    assert settled.read("b/b.conf") == "b\n"
    assert at_rest(settled) == {}, "its files were put back, and its own task shall say that they are right"


def test_what_another_version_of_the_program_remembered_is_not_believed(settled: Machine) -> None:
    assert at_rest(settled, agent="2") == {}


def test_while_services_are_held_nobody_is_at_rest(settled: Machine) -> None:
    Path(packages.POLICY).write_text(f"#!/bin/sh\n{packages.MARK}\nexit 101\n")
    assert at_rest(settled, check=True) == {}


def test_contents_are_remembered_as_digests(settled: Machine) -> None:
    assert "hunter2" not in (settled.state / "b.json").read_text()


@pytest.mark.parametrize(
    "change",
    [{"packages": ["x"]}, {"agent": "2"}, {"files": {"/a": {"content": "b"}}}, {"files": {"/a": {"content": "a", "mode": "0600"}}}],
)
def test_a_digest_follows_everything_that_is_asked(change: dict[str, Any]) -> None:
    picture = {"agent": "1", "packages": [], "files": {"/a": {"content": "a", "source": "/home/one/a"}}, "check": False, "diff": False}
    assert digest(picture) != digest({**picture, **change})
    assert digest(picture) == digest({**picture, "check": True, "files": {"/a": {"content": "a", "source": "/home/two/a"}}})


@pytest.mark.parametrize(
    ("age", "known", "task", "believed"),
    [
        (0.0, {"b": "d"}, {}, True),
        (GOOD_FOR, {"b": "d"}, {}, False),
        (0.0, {"b": "other"}, {}, False),
        (0.0, {}, {}, False),
        (0.0, {"b": "d"}, {"loop": [1, 2]}, False),
        (0.0, {"b": "d"}, {"delegate_to": "other"}, False),
    ],
)
def test_a_task_believes_only_what_is_fresh_and_said_of_its_very_picture(
    monkeypatch: pytest.MonkeyPatch, age: float, known: dict[str, str], task: dict[str, Any], believed: bool
) -> None:
    action = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(**{"loop": None, "delegate_to": None, **task})
    action._variables = {"inventory_hostname": "mx1"}
    monkeypatch.setattr(ActionModule, "at_rest", {"mx1": (time.monotonic() - age, known)})
    assert action._was_at_rest({"name": "b", "digest": "d"}) is believed


class Run:
    """What Ansible tells a callback."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: dict[str, Any] = {"mx1": (0.0, {"b": "d"}), "mx2": (0.0, {"b": "d"})}
        self.callback = CallbackModule.__new__(CallbackModule)
        monkeypatch.setattr(self.callback, "_seen", self.seen, raising=False)

    def task(self, action: str, result: dict[str, Any], delegate_to: str | None = None) -> set[str]:
        """Run a task on mx1; return the machines of which something is still known."""
        host, task = SimpleNamespace(get_name=lambda: "mx1"), SimpleNamespace(action=action, delegate_to=delegate_to)
        self.callback.v2_runner_on_start(host, task)
        ended = SimpleNamespace(host=host, task=task, result=result)
        if result.get("failed"):
            self.callback.v2_runner_on_failed(ended)
        else:
            self.callback.v2_runner_on_ok(ended)
        return set(self.seen)


@pytest.mark.parametrize(
    ("action", "result", "delegate_to", "left"),
    [
        ("tree", {"changed": False}, None, {"mx1", "mx2"}),
        ("tree", {"changed": True}, None, {"mx2"}),
        ("tree", {"changed": False, "failed": True}, None, {"mx2"}),
        ("ansible.builtin.debug", {"changed": False}, None, {"mx1", "mx2"}),
        ("ansible.builtin.command", {"changed": False}, None, {"mx2"}),
        ("ansible.builtin.command", {"changed": False}, "localhost", set()),
        ("tree", {"changed": True}, "mx2", set()),
    ],
)
def test_what_was_seen_is_forgotten_when_anything_may_have_happened(
    monkeypatch: pytest.MonkeyPatch, action: str, result: dict[str, Any], delegate_to: str | None, left: set[str]
) -> None:
    assert Run(monkeypatch).task(action, result, delegate_to) == left


def test_what_was_seen_of_one_machine_is_not_believed_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    run.seen.clear()
    assert run.task("tree", {"changed": False, "at_rest": {"b": "d"}}, delegate_to="mx3") == set()
    assert run.task("tree", {"changed": False, "at_rest": {"b": "d"}}) == {"mx1"}


@pytest.mark.parametrize(
    ("actions", "condition", "spared"),
    [
        (["ansible.builtin.validate_argument_spec", "tree"], [], True),
        (["ansible.builtin.validate_argument_spec", "tree"], ["maybe"], False),
        (["ansible.builtin.validate_argument_spec", "ansible.builtin.include_tasks", "tree"], [], False),
        (["tree"], [], False),
        ([], [], False),
    ],
)
def test_validation_is_left_to_a_tree_that_is_sure_to_run_first(actions: list[str], condition: list[str], spared: bool) -> None:
    tasks = [SimpleNamespace(action=action, when=condition, loop=None, run_once=False, ignore_errors=None) for action in actions]
    role = SimpleNamespace(get_task_blocks=lambda: [SimpleNamespace(block=tasks)] if tasks else [])
    spare_validation(role)
    assert getattr(role, "posthouse_spared", False) is spared
    assert len(tasks) == len(actions) - spared
