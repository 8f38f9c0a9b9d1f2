"""What tree decides about units, packages' states, users and directories, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from module_utils.tree import accounts, packages, units
from module_utils.tree.digests import Digests
from module_utils.tree.picture import Entry, Problem, Unit

RUNNING = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "Type": "simple"}
STOPPED = RUNNING | {"ActiveState": "inactive", "SubState": "dead"}
FAILED = RUNNING | {"ActiveState": "failed", "SubState": "failed"}
LOOPING = RUNNING | {"ActiveState": "activating", "SubState": "auto-restart"}
ABSENT = STOPPED | {"LoadState": "not-found", "UnitFileState": ""}
MASKED = STOPPED | {"LoadState": "masked", "UnitFileState": "masked"}
DONE = STOPPED | {"Type": "oneshot", "RemainAfterExit": "no", "UnitFileState": "static"}
A1, A2 = {"/etc/a": "1"}, {"/etc/a": "2"}


def works(restart: dict[str, str], reload: dict[str, str] | None = None) -> dict[str, Any]:
    return {"restart": restart, "reload": reload or {}}


@pytest.mark.parametrize(
    ("wanted", "shown", "now", "last", "verbs"),
    [
        pytest.param({}, RUNNING, works(A1), works(A1), [], id="nothing to do"),
        pytest.param({}, STOPPED, works(A1), works(A1), ["start"], id="stopped by hand"),
        pytest.param({}, FAILED, works(A1), works(A1), ["start"], id="failed"),
        pytest.param({}, LOOPING, works(A1), works(A1), ["start"], id="dies again and again"),
        pytest.param({}, RUNNING, works(A2), works(A1), ["restart"], id="file changed"),
        pytest.param({}, RUNNING, works({}), works(A1), ["restart"], id="file gone"),
        pytest.param({}, RUNNING, works(A1, A2), works(A1, A1), ["reload-or-restart"], id="reload"),
        pytest.param({}, RUNNING, works(A2, A2), works(A1, A1), ["restart"], id="restart wins"),
        pytest.param({}, RUNNING, works(A1), None, ["restart"], id="runs with files nobody knows"),
        pytest.param({}, RUNNING, works({}), None, [], id="runs and depends on nothing"),
        pytest.param({}, RUNNING, works({}, A1), None, ["reload-or-restart"], id="runs and follows by reloads alone"),
        pytest.param({}, RUNNING | {"UnitFileState": "disabled"}, works(A1), works(A1), ["enable"], id="disabled by hand"),
        pytest.param({}, STOPPED | {"UnitFileState": "disabled"}, works(A1), None, ["enable", "start"], id="fresh package"),
        pytest.param({}, RUNNING | {"UnitFileState": "static"}, works(A1), works(A1), [], id="static"),
        pytest.param({}, MASKED, works(A1), None, ["unmask", "enable", "start"], id="masked"),
        pytest.param({"enabled": False}, RUNNING, works(A1), works(A1), ["disable"], id="not at boot"),
        pytest.param({"state": "stopped"}, RUNNING, {}, None, ["disable", "stop"], id="stopped"),
        pytest.param({"state": "stopped"}, STOPPED | {"UnitFileState": "disabled"}, {}, None, [], id="is stopped"),
        pytest.param({"state": "stopped"}, ABSENT, {}, None, [], id="stopped and not there"),
        pytest.param({"state": "any", "enabled": True}, STOPPED, works(A2), works(A1), [], id="whatever it does"),
        pytest.param({"state": "any", "enabled": True}, RUNNING, works(A2), works(A1), ["restart"], id="whatever, but with its files"),
        pytest.param({"masked": True}, RUNNING, {}, None, ["mask"], id="mask"),
        pytest.param({"masked": True}, STOPPED | {"UnitFileState": "masked"}, {}, None, [], id="is masked"),
        pytest.param({}, DONE, works(A1), works(A1), [], id="oneshot that is done"),
        pytest.param({}, DONE, works(A2), works(A1), ["start"], id="oneshot whose file changed"),
        pytest.param({}, DONE, works(A1), None, ["start"], id="oneshot that never ran"),
    ],
)
def test_verbs(wanted: dict[str, Any], shown: dict[str, str], now: dict[str, Any], last: dict[str, Any] | None, verbs: list[str]) -> None:
    assert units.plan(Unit({"name": "demo", **wanted}), shown, now, last, check=False) == verbs


def test_a_unit_that_does_not_exist_is_an_error_but_predicted_in_check_mode() -> None:
    with pytest.raises(Problem, match=r"there is no unit demo\.service"):
        units.plan(Unit({"name": "demo"}), ABSENT, works({}), None, check=False)
    assert units.plan(Unit({"name": "demo"}), ABSENT, works({}), None, check=True) == ["enable", "start"]


def test_a_unit_follows_its_own_definition_and_its_templates() -> None:
    assert Unit({"name": "postfix@in.service"}).restart == [
        "/etc/systemd/system/postfix@in.service",
        "/etc/systemd/system/postfix@in.service.d",
        "/etc/systemd/system/postfix@.service",
        "/etc/systemd/system/postfix@.service.d",
    ]


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/etc/systemd/system/a.service", "a.service"),
        ("/etc/systemd/system/a@.timer", "a@.timer"),
        ("/etc/systemd/system/a.service.d/x.conf", None),
        ("/etc/systemd/journald.conf", None),
    ],
)
def test_which_file_defines_a_unit(path: str, unit: str | None) -> None:
    assert units.defined_by(path) == unit


def test_digests_of_a_directory_are_those_of_shipped_files_and_of_a_path_its_own(tmp_path: Path) -> None:
    for name in ("ours", "other", "daemon"):
        (tmp_path / name).write_text(name)
    ours = f"{tmp_path}/ours"
    digests = Digests({ours: Entry(ours, {"content": "new"})}, [f"{tmp_path}/other"], [])
    assert sorted(digests.below([str(tmp_path)])) == [f"{tmp_path}/other", ours]
    assert list(digests.below([f"{tmp_path}/daemon"])) == [f"{tmp_path}/daemon"]
    before = digests.below([f"{tmp_path}/daemon"])
    (tmp_path / "daemon").write_text("changed")
    assert digests.below([f"{tmp_path}/daemon"]) == before
    digests.forget()
    assert digests.below([f"{tmp_path}/daemon"]) != before


class Answer:
    """What dpkg-query would have said."""

    def __init__(self, text: str) -> None:
        self.text = text

    def result(self) -> tuple[int, str]:
        return 1, self.text


@pytest.mark.parametrize(
    ("text", "missing", "interrupted"),
    [
        ("a installed\nb installed\n", [], False),
        ("a installed\ndpkg-query: no packages found matching b\n", ["b"], False),
        ("a installed\nb config-files\n", ["b"], False),
        ("a installed\nb half-configured\n", ["b"], True),
        ("a installed\na not-installed\nb installed\n", [], False),  # two architectures of which one is there
    ],
)
def test_which_packages_are_missing(text: str, missing: list[str], interrupted: bool) -> None:
    assert packages.missing(["a", "b"], packages.states(Answer(text))) == (missing, interrupted)  # type: ignore[arg-type]


def entry(path: str, text: str) -> Entry:
    return Entry(path, {"content": text})


def test_which_accounts_are_missing() -> None:
    text = '# comment\nu root 0 "The boss"\nu nobody-yet - "Somebody new" /var/lib/x\ng nogroup-yet -\nm root nogroup-yet\n'
    found = accounts.missing_accounts([entry("/etc/sysusers.d/x.conf", text)])
    assert found == {"/etc/sysusers.d/x.conf": ["nobody-yet", "nogroup-yet", "root in nogroup-yet"]}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("d {there} - - - -", False),
        ("d {there} 0750 - - -", False),
        ("d {there} 0700 - - -", True),
        ("d {there} - nobody-yet - -", True),
        ("d {absent} 0755 - - -", True),
        ("d! {absent} 0755 - - -", False),
        ("d {absent}/%m 0755 - - -", False),
        ("d {file} - - - -", True),
        ("L {absent} - - - - /etc/hostname", True),
        ("r {absent}", False),
        ("z {there} 0700 - - -", False),
        ('d "{there}" ~0700 - - -', False),
    ],
)
def test_which_directories_are_wrong(tmp_path: Path, line: str, wrong: bool) -> None:
    there, absent, file = tmp_path / "there", tmp_path / "absent", tmp_path / "file"
    there.mkdir(mode=0o750)
    there.chmod(0o750)
    file.touch()
    text = line.format(there=there, absent=absent, file=file)
    assert bool(accounts.wrong_directories([entry("/etc/tmpfiles.d/x.conf", text + "\n")])) is wrong
