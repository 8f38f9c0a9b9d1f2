"""`./lab status` and `python3 -m frontdoor.status`: progress, one page, exit codes for monitoring."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from frontdoor import overview, shell, status
from frontdoor.errors import Refused

FINE = {"check": "disk", "about": "/", "level": "fine", "says": "the disk is empty", "remedy": "", "figures": {}}


def playbook(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program in place of ansible-playbook."""
    program = folder / "ansible-playbook"
    program.write_text(f"#!/usr/bin/env python3\nimport json, sys\nfile = json.loads(sys.argv[-1])['status_file']\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def answers(level: str) -> str:
    told = {"machines": {"mx1": {"stdout": json.dumps({"findings": [{**FINE, "level": level}]})}}, "title": "example.edu", "at": 0}
    return f"open(file, 'w').write({json.dumps(told)!r})"


@pytest.mark.parametrize(("level", "code"), [("fine", 0), ("warning", 1), ("critical", 2)])
def test_the_exit_code_is_the_worst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], level: str, code: int
) -> None:
    playbook(tmp_path, monkeypatch, answers(level))
    assert status.main([str(tmp_path), "--json"]) == code
    told = json.loads(capfd.readouterr().out)
    assert (told["level"], told["code"]) == (level, code)
    assert status.main([str(tmp_path)]) == code
    seen = capfd.readouterr()
    assert "example.edu" in seen.out
    assert "\x1b" not in seen.out


def test_progress_is_told_as_answers_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["ok: [mx1]", "fatal: [hermes]: UNREACHABLE! => ", "ok: [ns1 -> internet({{ address }})]", "skipping: [x]"]
    playbook(tmp_path, monkeypatch, f"print({chr(10).join(lines)!r})\n{answers('fine')}")
    heard: list[str] = []
    status.gather(tmp_path, tmp_path / "answers", heard.append)
    assert heard == ["mx1", "hermes does not answer", "internet"]


def test_without_answers_the_end_of_the_run_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    playbook(tmp_path, monkeypatch, "print('no such inventory')")
    with pytest.raises(Refused, match="no such inventory"):
        status.gather(tmp_path, tmp_path / "answers", lambda _: None)
    assert status.main([str(tmp_path)]) == 2
    assert "no such inventory" in capsys.readouterr().err


def test_a_machine_that_hangs_is_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*_words: object, **_more: object) -> None:
        raise Refused("ssh … did not end within 8 seconds.", 1)

    monkeypatch.setattr(shell, "run", hangs)
    assert overview._opinion("mx1") == "no answer"
