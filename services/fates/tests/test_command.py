"""The command: forms of output, exit codes, and what it says when something is wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.fates.fates.command import main
from services.fates.fates.kinds import FATES
from services.fates.tests.conftest import CLUSTER, EXCHANGER, count

SERVICE = Path(__file__).resolve().parents[1]


def run(*words: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fates", *words]
    return subprocess.run(command, cwd=SERVICE, input=stdin, capture_output=True, check=False, env={**os.environ, **environment})


def test_text(capsys: Any) -> None:
    assert main([str(EXCHANGER)]) == 0
    said = capsys.readouterr().out
    assert "SPAMMER DISCONNECTED   connection" in said
    assert "DO NOT AGREE" not in said


def test_json(capsys: Any) -> None:
    assert main(["--json", str(EXCHANGER)]) == 0
    assert json.loads(capsys.readouterr().out) == count(EXCHANGER)


def test_csv_has_all_counts(capsys: Any) -> None:
    assert main(["--csv", str(EXCHANGER)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sum(int(row["count"]) for row in rows) == sum(sum(fates.values()) for fates in count(EXCHANGER)["units"].values())


def test_files_in_the_form_that_their_names_say(tmp_path: Path, capsys: Any) -> None:
    names = ["day.html", "day.json", "day.csv", "day.txt"]
    assert main([str(EXCHANGER), *(word for name in names for word in ("--output", str(tmp_path / name)))]) == 0
    assert capsys.readouterr().out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert (tmp_path / "day.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((tmp_path / "day.json").read_text(encoding="utf-8"))["total"] == count(EXCHANGER)["total"]


def test_a_file_that_cannot_be_written(capsys: Any) -> None:
    assert main([str(EXCHANGER), "--output", "/nowhere/report.html"]) == 4
    assert "/nowhere/report.html: No such file" in capsys.readouterr().err


def test_what_cannot_be_read_is_said_and_the_rest_is_counted(tmp_path: Path, capsys: Any) -> None:
    strange = tmp_path / "strange"
    strange.write_text("nothing\n")
    assert main([str(strange), str(EXCHANGER)]) == 1
    said = capsys.readouterr()
    assert f"fates: {strange}: line 1:" in said.err
    assert "INFECTED" in said.out
    assert main([str(strange)]) == 4
    assert capsys.readouterr().out == ""


def test_standard_input_and_a_closed_pipe() -> None:
    done = run("-", "--json", stdin=EXCHANGER.read_bytes())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["total"] == count(EXCHANGER)["total"]
    with subprocess.Popen(
        [sys.executable, "-m", "fates", str(EXCHANGER)], cwd=SERVICE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert b"Traceback" not in running.stderr.read()


@pytest.mark.parametrize("words", [["--help"], ["trace", "--help"]])
def test_help_names_exit_codes(words: list[str]) -> None:
    done = run(*words)
    assert done.returncode == 0
    assert b"Exit codes" in done.stdout


def test_wrong_use() -> None:
    assert run("--json", "--csv", "-").returncode == 2
    assert run("--machine=-oProxyCommand=x", "--json").returncode == 4


def fake(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_journals_of_machines_by_ssh(tmp_path: Path) -> None:
    """ssh is asked for the mail facility's lines and only the fields that are read, in words that a shell cannot misread."""
    cluster = CLUSTER[0].parent
    fake(tmp_path, "ssh", f'echo "$@" >>{tmp_path}/asked; xzcat {cluster}/cluster-$1.export.xz')
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run("--json", "--machine", "mx1", "--machine", "hermes", "--machine", "helios", "--since", "2026-11-22 10:00; id", PATH=path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["units"]["message"] == {"OK": 75, "BOUNCED": 5}
    asked = (tmp_path / "asked").read_text()
    assert "--output-fields=MESSAGE,SYSLOG_IDENTIFIER" in asked
    assert "SYSLOG_FACILITY=2 --since '2026-11-22 10:00; id'" in asked


def test_times_are_written_as_journalctl_takes_them(tmp_path: Path) -> None:
    fake(tmp_path, "journalctl", f'echo "$@" >>{tmp_path}/asked; xzcat {CLUSTER[0]}')
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert run("--since", "-1h", "--until", "-5min", "--json", PATH=path).returncode == 0
    assert run("trace", "t2768ebf81b0eb037", "--since", "-1h", PATH=path).returncode == 0
    first, second = (tmp_path / "asked").read_text().splitlines()
    assert first.endswith("--since -1h --until -5min")
    assert second.endswith("--since -1h")


def test_live(tmp_path: Path) -> None:
    fake(tmp_path, "journalctl", f'case "$*" in *--follow*) xzcat {CLUSTER[0]};; *) exit 9;; esac')
    done = run("--live", "--every", "0.01", "--json", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["units"]["message"] == {"OK": 77, "BOUNCED": 3}


def test_the_page_of_the_manual_names_every_fate() -> None:
    manual = (SERVICE.parents[1] / "docs/fates.md").read_text(encoding="utf-8")
    for fate in FATES:
        assert fate.name in manual, fate
