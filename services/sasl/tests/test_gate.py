"""What the gate hands on, and where it ends a conversation instead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from services.sasl.sasl.command import main
from services.sasl.sasl.gate import Gate, in_the_clear, is_fault
from services.sasl.sasl.settings import Settings

HELLO = b"VERSION\t1\t3\nMECH\tPLAIN\tplaintext\nDONE\n"
AUTH = b"AUTH\t%d\tPLAIN\tservice=smtp\tsecured\tresp=AGEAYg==\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"FAIL\t1\tuser=ann\tcode=temp_fail\n", True),
        (b"FAIL\t1\tuser=ann\ttemp\n", True),
        (b"FAIL\t1\tuser=ann\n", False),
        (b"FAIL\t1\tuser=temp\tcode=user_disabled\n", False),
        (b"FAIL\ttemp\n", False),
        (b"OK\t1\tuser=ann\ttemp\n", False),
        (b"CONT\t1\tdGVtcA==\n", False),
        (b"\n", False),
    ],
)
def test_is_fault(line: bytes, expected: bool) -> None:
    assert is_fault(line) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (AUTH % 1, False),
        (b"AUTH\t1\tPLAIN\tservice=smtp\tsecured=tls\tresp=x\n", False),
        (b"AUTH\t1\tPLAIN\tservice=smtp\tresp=x\n", True),
        (b"AUTH\t1\tPLAIN\tservice=smtp\tresp=secured\n", True),
        (b"AUTH\n", True),
        (b"CONT\t1\tAGEAYg==\n", False),
        (b"CPID\t42\n", False),
    ],
)
def test_in_the_clear(line: bytes, expected: bool) -> None:
    assert in_the_clear(line) is expected


class Dovecot:
    """Answers AUTH with what it is told; greets as Dovecot does."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.heard: list[bytes] = []

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        while line := await reader.readline():
            self.heard.append(line)
            if line.startswith(b"AUTH"):
                writer.write(self.answers.pop(0))
        writer.close()


def converse(tmp_path: Path, talk: Callable[..., Awaitable[None]], there: bool = True, patience: float = 0.0) -> Dovecot:
    """Let somebody talk through a gate. there: whether Dovecot is."""
    dovecot = Dovecot()

    async def run() -> None:
        path = str(tmp_path / "dovecot")
        servers = [await asyncio.start_unix_server(dovecot.attend, path)] if there else []
        gate = Gate(Settings(dovecot=path, patience=patience))
        servers.append(await asyncio.start_unix_server(gate.attend, str(tmp_path / "gate")))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "gate"))
        await asyncio.wait_for(talk(dovecot, reader, writer), 5)
        writer.close()
        for server in servers:
            server.close()

    asyncio.run(run())
    return dovecot


def test_what_both_say_is_handed_on(tmp_path: Path) -> None:
    async def talk(dovecot: Dovecot, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(HELLO)) == HELLO
        dovecot.answers = [b"FAIL\t1\tuser=ann\n", b"OK\t2\tuser=ann\n"]
        for number, answer in enumerate(list(dovecot.answers), 1):
            writer.write(AUTH % number)
            assert await reader.readline() == answer

    assert converse(tmp_path, talk).heard == [AUTH % 1, AUTH % 2]


def test_a_fault_ends_the_conversation_instead_of_being_called_a_wrong_password(tmp_path: Path, caplog: Any) -> None:
    async def talk(dovecot: Dovecot, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dovecot.answers = [b"FAIL\t1\tuser=ann\tcode=temp_fail\n"]
        writer.write(AUTH % 1)
        assert await reader.read() == HELLO

    converse(tmp_path, talk)
    assert "logins are put off" in caplog.text
    assert "AGEAYg" not in caplog.text


def test_a_password_that_came_in_the_clear_is_not_tried(tmp_path: Path) -> None:
    async def talk(_dovecot: Dovecot, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"AUTH\t1\tPLAIN\tservice=smtp\tresp=AGEAYg==\n")
        assert await reader.read() in (HELLO, b"")

    assert converse(tmp_path, talk).heard == []


def test_a_line_without_an_end_ends_the_conversation(tmp_path: Path) -> None:
    async def talk(_dovecot: Dovecot, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"A" * 5000)
        assert await reader.read() in (HELLO, b"")

    async def one() -> None:
        path = str(tmp_path / "dovecot")
        server = await asyncio.start_unix_server(Dovecot().attend, path)
        gate = Gate(Settings(dovecot=path, longest=1024))
        ours = await asyncio.start_unix_server(gate.attend, str(tmp_path / "gate"), limit=1024)
        await asyncio.wait_for(talk(Dovecot(), *await asyncio.open_unix_connection(str(tmp_path / "gate"))), 5)
        server.close()
        ours.close()

    asyncio.run(one())


def test_without_dovecot_the_conversation_ends(tmp_path: Path, caplog: Any) -> None:
    async def talk(_dovecot: Dovecot, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""

    converse(tmp_path, talk, there=False)
    assert "Dovecot does not answer" in caplog.text


def test_a_login_waits_for_a_dovecot_that_restarts(tmp_path: Path) -> None:
    async def talk(dovecot: Dovecot, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        server = await asyncio.start_unix_server(dovecot.attend, str(tmp_path / "dovecot"))
        assert await reader.readexactly(len(HELLO)) == HELLO
        server.close()

    converse(tmp_path, talk, there=False, patience=3.0)


@pytest.mark.parametrize(
    ("text", "code"),
    [('dovecot = "/run/dovecot/sasl"\n', 0), ('dovecot = "run"\n', 2), ("", 2), ('dovecot = "/x"\nport = 1\n', 2), ("dovecot = 1\n", 2)],
)
def test_check(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "sasl.toml").write_text(text)
    assert main(["--config", str(tmp_path / "sasl.toml"), "check"]) == code


def test_without_a_socket_of_systemds_there_is_nothing_to_serve(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "sasl.toml").write_text('dovecot = "/run/dovecot/sasl"\n')
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    assert main(["--config", str(tmp_path / "sasl.toml"), "serve"]) == 3
