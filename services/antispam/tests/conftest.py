"""What the tests share: a home of rules, and programs that do what a test says in place of SpamAssassin's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from services.antispam.antispam.settings import Channel, Settings


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in the path; each program notes how it was called in `called`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name, line in {
        "sa-update": f"echo new > {tmp_path}/home/4.000001/rules.cf",
        "spamassassin": "true",
        "sa-compile": "true",
        "sa-learn": "echo '0.000          0        203          0  non-token data: nspam'; echo '0.000 0 201 0  non-token data: nham'",
        "hook": "true",
    }.items():
        program(folder, name, line)
    return folder


def program(folder: Path, name: str, line: str) -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder.parent}/called\n{line}\n')
    path.chmod(0o755)


@pytest.fixture
def settings(tmp_path: Path, programs: Path) -> Settings:
    rules = tmp_path / "home" / "4.000001"
    rules.mkdir(parents=True)
    (rules / "rules.cf").write_text("old\n")
    return replace(Settings(), home=tmp_path / "home", channels=(Channel("rules.example"),), hook=(f"{programs}/hook",))


@pytest.fixture
def configuration(settings: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "antispam.toml"
    path.write_text(f'home = "{settings.home}"\nhook = ["{settings.hook[0]}"]\n[[channels]]\nname = "rules.example"\n')
    return path
