"""What tree does to files, in temporary directories, as the user who runs the tests."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from module_utils.tree import files
from tests.tree_on_disk import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "root").mkdir()
    return Machine(tmp_path / "root", tmp_path / "state")


def test_writes_what_is_missing_and_then_has_nothing_to_do(machine: Machine) -> None:
    wanted = {"etc/a.conf": "a\n", "etc/deep/er/b.conf": "ü\n"}
    first, second = machine.run(wanted), machine.run(wanted)
    assert first["changed"]
    assert first["paths"] == [f"{machine.root}/etc/a.conf", f"{machine.root}/etc/deep/er/b.conf"]
    assert machine.read("etc/deep/er/b.conf") == "ü\n"
    assert not second["changed"]
    assert "failed" not in first | second


def test_leaves_no_temporary_files(machine: Machine) -> None:
    machine.run({"etc/a.conf": "a\n"})
    machine.run({"etc/a.conf": "b\n"})
    assert sorted(path.name for path in (machine.root / "etc").iterdir()) == ["a.conf"]


@pytest.mark.parametrize(
    "drift",
    [
        pytest.param(lambda path: path.write_text("b\n"), id="content"),
        pytest.param(lambda path: path.chmod(0o666), id="mode"),
        pytest.param(lambda path: path.unlink(), id="missing"),
        pytest.param(lambda path: (path.unlink(), path.symlink_to("/etc/hostname")), id="symbolic link"),
    ],
)
def test_finds_drift_for_real_and_puts_it_right(machine: Machine, drift: Any) -> None:
    machine.run({"a.conf": "a\n"})
    drift(machine.root / "a.conf")
    assert machine.run({"a.conf": "a\n"})["paths"] == [f"{machine.root}/a.conf"]
    assert machine.read("a.conf") == "a\n"
    assert not (machine.root / "a.conf").is_symlink()
    assert stat.S_IMODE((machine.root / "a.conf").stat().st_mode) == 0o644


def test_a_symbolic_link_is_replaced_and_what_it_pointed_at_stays(machine: Machine) -> None:
    (machine.root / "theirs").write_text("theirs\n")
    (machine.root / "a.conf").symlink_to("theirs")
    machine.run({"a.conf": "a\n"})
    assert machine.read("theirs") == "theirs\n"
    assert machine.read("a.conf") == "a\n"


def test_an_empty_file_replaces_a_symbolic_link_too(machine: Machine) -> None:
    (machine.root / "a").symlink_to("nowhere")
    assert "failed" not in machine.run({"a": {"base64": ""}})
    assert (machine.root / "a").read_bytes() == b""
    assert not (machine.root / "a").is_symlink()


def test_ships_symbolic_links(machine: Machine) -> None:
    assert machine.run({"link": {"link": "/etc/hostname"}})["changed"]
    assert os.readlink(machine.root / "link") == "/etc/hostname"  # noqa: PTH115, because Path.readlink would tidy it
    assert not machine.run({"link": {"link": "/etc/hostname"}})["changed"]
    assert machine.run({"link": {"link": "/etc/hosts"}})["changed"]


def test_ships_binary_files(machine: Machine) -> None:
    machine.run({"a.bin": {"base64": "AP/+AA=="}})
    assert (machine.root / "a.bin").read_bytes() == b"\x00\xff\xfe\x00"


def test_mode_and_content_change_at_once_never_one_after_the_other(machine: Machine) -> None:
    machine.run({"key": {"content": "x\n", "mode": "0640"}})
    assert stat.S_IMODE((machine.root / "key").stat().st_mode) == 0o640
    machine.run({"key": {"content": "x\n", "secret": True}})
    assert stat.S_IMODE((machine.root / "key").stat().st_mode) == 0o600


def test_check_mode_predicts_and_touches_nothing(machine: Machine) -> None:
    result = machine.run({"etc/a.conf": {"content": "a\n", "owner": "nobody-yet"}}, check=True)
    assert result["paths"] == [f"{machine.root}/etc/a.conf"]
    assert list(machine.root.iterdir()) == []
    assert not machine.state.exists()


def test_removes_what_is_no_longer_shipped_with_the_directories_it_made(machine: Machine) -> None:
    (machine.root / "etc").mkdir()
    machine.run({"etc/a.conf": "a\n", "etc/own/b.conf": "b\n"})
    result = machine.run({"etc/a.conf": "a\n"})
    assert result["paths"] == [f"{machine.root}/etc/own/b.conf"]
    assert not (machine.root / "etc/own").exists()
    assert not machine.run({"etc/a.conf": "a\n"})["changed"]
    machine.run({})
    assert (machine.root / "etc").is_dir()
    assert list((machine.root / "etc").iterdir()) == []


def test_a_directory_that_others_use_stays(machine: Machine) -> None:
    machine.run({"own/b.conf": "b\n"})
    (machine.root / "own/theirs").write_text("theirs\n")
    machine.run({})
    assert [path.name for path in (machine.root / "own").iterdir()] == ["theirs"]


def test_two_trees_cannot_ship_the_same_path(machine: Machine) -> None:
    machine.run({"a.conf": "a\n"}, tree="one")
    result = machine.run({"a.conf": "b\n", "b.conf": "b\n"}, tree="two")
    assert result["failed"]
    assert "'one'" in result["msg"]
    assert "'two'" in result["msg"]
    assert machine.read("a.conf") == "a\n"
    assert not (machine.root / "b.conf").exists()


def test_never_removes_what_another_tree_claims(machine: Machine) -> None:
    machine.run({"a.conf": "a\n"}, tree="one")
    state = machine.remembered("one")
    (machine.state / "two.json").write_text(json.dumps({**state, "tree": "two"}))
    machine.run({}, tree="two")
    assert machine.read("a.conf") == "a\n"


def test_a_directory_in_the_way_is_an_error_before_anything_is_written(machine: Machine) -> None:
    (machine.root / "b.conf").mkdir()
    result = machine.run({"a.conf": "a\n", "b.conf": {"content": "b\n", "source": "templates/b.conf"}})
    assert "b.conf is a directory" in result["msg"]
    assert "templates/b.conf" in result["msg"]
    assert not (machine.root / "a.conf").exists()


def test_an_unknown_owner_is_an_error_that_names_file_and_account(machine: Machine) -> None:
    result = machine.run({"a.conf": {"content": "a\n", "owner": "nobody-yet"}})
    assert "a.conf: there is no user 'nobody-yet'" in result["msg"]


def test_validate_refuses_before_any_file_is_replaced(machine: Machine) -> None:
    machine.run({"a.conf": "good\n", "b.conf": "b\n"})
    checked = {"a.conf": {"content": "bad\n", "validate": "grep -q good %s", "source": "templates/a.conf"}, "b.conf": "c\n"}
    result = machine.run(checked)
    assert result["failed"]
    assert "templates/a.conf" in result["msg"]
    assert machine.read("a.conf") == "good\n"
    assert machine.read("b.conf") == "b\n"
    assert sorted(path.name for path in machine.root.iterdir()) == ["a.conf", "b.conf"]


def test_validate_does_not_repeat_what_a_program_says_about_a_secret(machine: Machine) -> None:
    result = machine.run({"key": {"content": "hunter2\n", "secret": True, "validate": "grep missing %s /dev/null -e hunter2 -n"}})
    assert "hunter2" not in json.dumps(result["msg"].replace("grep missing %s /dev/null -e hunter2 -n", ""))


def test_verify_puts_the_old_files_back_and_tells_why(machine: Machine) -> None:
    machine.run({"a.conf": {"content": "good\n", "mode": "0600"}, "old.conf": "old\n"})
    check = ["sh", "-c", f"echo 'I see bad'; grep -q good {machine.root}/a.conf"]
    result = machine.run({"a.conf": "bad\n", "new/b.conf": "b\n"}, verify=[check])
    assert result["failed"]
    assert "I see bad" in result["msg"]
    assert sorted(result["restored"]) == [f"{machine.root}/{name}" for name in ("a.conf", "new/b.conf", "old.conf")]
    assert machine.read("a.conf") == "good\n"
    assert machine.read("old.conf") == "old\n"
    assert stat.S_IMODE((machine.root / "a.conf").stat().st_mode) == 0o600
    assert not (machine.root / "new").exists()
    assert not result["changed"]
    assert machine.run({"a.conf": "good\n"}, verify=[check])["changed"]


def test_verify_runs_only_when_a_file_changed(machine: Machine) -> None:
    count = machine.root / "count"
    verify = [["sh", "-c", f"echo x >> {count}"]]
    for content in ("a\n", "a\n", "b\n"):
        machine.run({"a.conf": content}, verify=verify)
    assert count.read_text() == "x\nx\n"


def test_a_run_that_died_before_verify_owes_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(files, "sync_directories", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            machine.run({"a.conf": "bad\n"}, verify=["false"])
    assert machine.read("a.conf") == "bad\n"
    result = machine.run({"a.conf": "bad\n"}, verify=["false"])
    assert result["failed"]
    assert "false refuses" in result["msg"]
    assert machine.run({"a.conf": "bad\n"}, verify=["false"])["failed"], "and owes it until it succeeds"
    assert "failed" not in machine.run({"a.conf": "bad\n"}, verify=["true"])


def test_diff_shows_content_but_never_a_secret(machine: Machine) -> None:
    machine.run({"a.conf": "old\n", "key": {"content": "hunter1\n", "secret": True}})
    result = machine.run({"a.conf": "new\n", "key": {"content": "hunter2\n", "secret": True}}, diff=True)
    assert {"before": "old\n", "after": "new\n"}.items() <= result["diff"][0].items()
    assert "hunter" not in json.dumps(result)
    assert "hunter" not in json.dumps(machine.remembered())


def test_the_result_repeats_no_content(machine: Machine) -> None:
    assert "telltale" not in json.dumps(machine.run({"a.conf": "telltale\n"}))


def test_a_state_file_that_is_no_json_is_an_error_with_a_remedy(machine: Machine) -> None:
    machine.run({"a.conf": "a\n"})
    (machine.state / "demo.json").write_text("{")
    assert "remove it" in machine.run({"a.conf": "a\n"})["msg"]


def test_the_state_file_is_for_root_alone(machine: Machine) -> None:
    machine.run({"a.conf": "a\n"})
    assert stat.S_IMODE((machine.state / "demo.json").stat().st_mode) == 0o600
