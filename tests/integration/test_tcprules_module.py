"""The module tcprules as Ansible runs it, on this machine: check, apply, again, and a page with mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RULES = '127.:allow,RELAYCLIENT="",RBLSMTPD=""\n192.0.2.7:deny\n:allow,GREETDELAY="6"\n'


def tcprules(directory: Path, rules: str, *options: str) -> dict[str, Any]:
    """Run the module once. Returns its result."""
    arguments = {
        "path": f"{directory}/smtp",
        "tables": f"{directory}/tables",
        "rules": rules,
        "ask": [{"ip": "192.0.2.7"}, {"ip": "127.0.0.1"}],
    }
    command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-i", "localhost,", "-c", "local", "-m", "tcprules"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}", "-a", json.dumps(arguments), *options]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120, check=False)
    shown: dict[str, Any] = json.loads(run.stdout.rpartition("localhost | ")[2].partition("=> ")[2])
    return shown


@pytest.mark.slow
def test_check_apply_again_and_refuse(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    foretold = tcprules(tmp_path, RULES, "--check")
    assert not (tmp_path / "smtp").exists()
    done = tcprules(tmp_path, RULES)
    assert foretold["changed"] is done["changed"] is True
    assert foretold["paths"] == done["paths"]
    assert [answer["key"] for answer in done["answers"]] == ["192.0.2.7", "127."]
    assert done["main_cf"] == {"postscreen_greet_wait": "6s"}

    said = subprocess.run(
        ["tcprulescheck", tmp_path / "smtp.cdb"], env={"TCPREMOTEIP": "192.0.2.7"}, capture_output=True, text=True, check=True
    )
    assert said.stdout == "rule 192.0.2.7:\ndeny connection\n"

    again = tcprules(tmp_path, RULES)
    assert (again["changed"], again["paths"]) == (False, [])

    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    refused = tcprules(tmp_path, "192.0.2.0/24:deny\n1.2:deny\n")
    assert [finding["line"] for finding in refused["findings"]] == [1, 2]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
