"""How the front door behaves: secrets, stages, counts, locks, refusals."""

from __future__ import annotations

import multiprocessing
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from frontdoor import cli, lock, paths, secrets, stages, suite
from frontdoor.errors import Refused


def test_secrets_are_made_once_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert secrets.generate(tmp_path) == sorted(secrets.NAMES)
    file = tmp_path / "group_vars" / "all" / "secrets.yml"
    first = yaml.safe_load(file.read_text())["cluster_secrets"]
    assert set(first) == set(secrets.NAMES)
    assert all(len(value) == secrets.LENGTH and value.isalnum() for value in first.values())
    assert len(set(first.values())) == len(first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secrets.generate(tmp_path) == []
    kept = {**first, "people": "chosen by hand"}
    del kept["directory_inside"]
    file.write_text(yaml.safe_dump({"cluster_secrets": kept}))
    assert secrets.generate(tmp_path) == ["directory_inside"]
    assert yaml.safe_load(file.read_text())["cluster_secrets"]["people"] == "chosen by hand"
    printed = capsys.readouterr()
    assert not any(value in printed.out + printed.err for value in first.values())


def test_an_encrypted_file_of_secrets_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "group_vars" / "all" / "secrets.yml"
    file.parent.mkdir(parents=True)
    file.write_text("$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    with pytest.raises(Refused, match="decrypt"):
        secrets.generate(tmp_path)
    assert file.read_text().startswith("$ANSIBLE_VAULT")


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("======== 12 passed, 1 skipped in 3.21s ========", {"passed": 12, "skipped": 1}),
        ("=== 2 failed, 30 passed, 1 warning in 61.02s (0:01:01) ===", {"failed": 2, "passed": 30, "warnings": 1}),
        ("1 passed in 0.01s", {"passed": 1}),
        ("tests/x.py ....                  [ 45%]", {}),
        ("collected 12 items", {}),
    ],
)
def test_pytest_counts_are_read_from_its_own_last_line(line: str, counts: dict[str, int]) -> None:
    run = suite.Suite(stages.Stages(quiet=True))
    run._count(line)
    assert run.counts == counts


def test_a_failing_program_ends_its_stage_and_shows_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "LOGS", tmp_path)
    run = stages.Stages()
    script = "import sys; print('TASK [Files] ****'); print('no room'); sys.exit(3)"
    with pytest.raises(Refused) as refused, run.stage("site"):
        run.command("site", [sys.executable, "-c", script])
    assert refused.value.status == 1
    seen = capsys.readouterr()
    assert "no room" in seen.err
    assert "== site: failed after" in seen.out
    assert (tmp_path / "site.log").read_text() == "TASK [Files] ****\nno room\n"


def _hold(folder: str, name: str) -> None:
    paths.STATE = Path(folder)
    lock._NAME = name
    with lock.only_one("up"):
        time.sleep(60)


def test_two_runs_do_not_share_a_lab_and_a_dead_one_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"\0posthouse-test-{os.getpid()}"
    monkeypatch.setattr(lock, "_NAME", name)
    monkeypatch.setattr(paths, "STATE", tmp_path)
    monkeypatch.setattr(lock, "PATIENCE", 0.5)
    holder = multiprocessing.get_context("fork").Process(target=_hold, args=(str(tmp_path), name))
    holder.start()
    while not (tmp_path / "holder").exists():
        time.sleep(0.02)
    with pytest.raises(Refused, match=r"\./lab up, process"), lock.only_one("down"):
        pass
    holder.kill()
    holder.join()
    with lock.only_one("down"):
        pass


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["test", "nosuch"], "There is no stage nosuch"),
        (["lint", "nosuch"], "There is no linter nosuch"),
        (["bench", "nosuch"], "There is no bench nosuch"),
    ],
)
def test_a_wrong_call_is_one_sentence(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said


def test_the_front_door_refuses_everybody_but_root(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    done = subprocess.run(
        [paths.CHECKOUT / "lab", "status"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "run it as root" in done.stderr


def test_a_python_that_does_not_run_is_refused() -> None:
    done = subprocess.run(
        [paths.CHECKOUT / "lab", "status"], env={**os.environ, "PYTHON": "/bin/false"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "PYTHON=/bin/false" in done.stderr


def test_help_needs_no_environment() -> None:
    done = subprocess.run([paths.CHECKOUT / "lab", "--help"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "exit codes" in done.stdout
