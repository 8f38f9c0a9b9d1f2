"""What our services share."""

from __future__ import annotations

import logging
import os
import pwd
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from posthouse import accounts
from posthouse.journal import NOTICE, JournalFormatter, log_to_the_journal
from posthouse.notify import notify
from posthouse.settings import SettingsError, read, record


@pytest.mark.parametrize(
    ("level", "number"),
    [(logging.DEBUG, 7), (logging.INFO, 6), (NOTICE, 5), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)],
)
def test_a_line_for_the_journal_begins_with_its_level(level: int, number: int) -> None:
    line = logging.LogRecord("x", level, "x", 1, "a %s", ("word",), None)
    assert JournalFormatter().format(line) == f"<{number}>a word"
    assert logging.getLevelName(logging.INFO) == "INFO"  # the formatter changes nothing for others


@pytest.mark.parametrize("stream", [None, "8:1"])
def test_a_person_at_a_terminal_sees_no_levels(monkeypatch: Any, stream: str | None) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if stream:
        monkeypatch.setenv("JOURNAL_STREAM", stream)
    made: list[logging.Handler] = []
    monkeypatch.setattr(logging, "basicConfig", lambda **given: made.extend(given["handlers"]))
    log_to_the_journal()
    record_ = logging.LogRecord("x", logging.INFO, "x", 1, "line", (), None)
    assert made[0].format(record_) == ("<6>line" if stream else "line")


def test_root_becomes_the_owner_of_the_folder(monkeypatch: Any, tmp_path: Path) -> None:
    done: list[Any] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "become", lambda account: done.append(account.pw_name))
    monkeypatch.setattr(os, "umask", done.append)
    accounts.become_owner(tmp_path / "not there")
    monkeypatch.setattr(Path, "stat", lambda *_, **__: os.stat_result((0o40755, 0, 0, 0, 65534, 0, 0, 0, 0, 0)))
    accounts.become_owner(tmp_path, umask=0o027)
    assert done == ["nobody", 0o027]


def test_somebody_else_stays_who_she_is(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(accounts, "become", lambda account: pytest.fail(f"became {account}"))
    accounts.become_owner(tmp_path)


def test_root_is_given_up_whole(monkeypatch: Any) -> None:
    done: list[tuple[str, Any]] = []
    for name in ("initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *given, name=name: done.append((name, given)))
    monkeypatch.setenv("HOME", "/root")
    nobody = pwd.getpwnam("nobody")
    accounts.become(nobody)
    assert [name for name, _ in done] == ["initgroups", "setgid", "setuid"]  # setuid last: the others need root
    assert os.environ["HOME"] == nobody.pw_dir


def test_systemd_is_told(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        notify("READY=1", "STATUS=well")
        assert manager.recv(100) == b"READY=1\nSTATUS=well"


@dataclass(frozen=True)
class Told:
    host: str
    seconds: float = 1.0
    port: int = 25
    names: list[str] = field(default_factory=list)
    days: dict[str, int] = field(default_factory=dict)
    enabled: bool = False


def test_a_file_becomes_a_record(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('host = "a"\nseconds = 5\nnames = ["b"]\nenabled = true\ndays = {spam = 3}\n', encoding="utf-8")
    assert record(Told, read(path), str(path)) == Told("a", 5.0, 25, ["b"], {"spam": 3}, True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("host = ", "x.toml: "),
        ("", "host is missing"),
        ('host = "secret"\nhots = 1', "unknown setting hots; there are host, seconds"),
        ("host = 4711", "host is not what it should be"),
        ('host = "a"\nport = true', "port is not"),
        ('host = "a"\nport = -1', "port is not"),
        ('host = "a"\nnames = [1]', "names is not"),
        ('host = "a"\ndays = {a = "b"}', "days is not"),
    ],
)
def test_what_cannot_be_used_is_named_and_its_value_is_not(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as fault:
        record(Told, read(path), str(path))
    assert said in str(fault.value)
    assert "secret" not in str(fault.value)
    assert "4711" not in str(fault.value)
