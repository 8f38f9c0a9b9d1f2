"""What the tests share: settings for a directory of their own, and a server that does what a test says."""

import os
from typing import Any

import pytest

from services.recipients.recipients.mirror import DirectoryError
from services.recipients.recipients.service import Service
from services.recipients.recipients.settings import parse
from services.recipients.recipients.table import Person, Status


@pytest.fixture
def given(tmp_path: Any) -> Any:
    return {
        "uris": ["ldap://one.test", "ldap://two.test"],
        "bind_dn": "cn=recipients",
        "password": "secret",
        "base": "o=madstop.test",
        "ca": "/ca.pem",
        "table": str(tmp_path / "recipients"),
        "control": str(tmp_path / "control"),
        "domains": ["madstop.test", "alumni.madstop.test"],
        "always": ["postmaster", "abuse"],
        "settle": 0.0,
        "refresh": 3600.0,
        "patience": 0.5,
    }


@pytest.fixture
def settings(given: Any) -> Any:
    return parse(given)


def people(count: Any, start: Any = 0) -> Any:
    return {f"u{number}": Person((f"p{number}@madstop.test",), Status.VALID) for number in range(start, start + count)}


class Server:
    """A directory server: what is in it, whether it is there, and what a session with it is told next."""

    def __init__(self, entries: Any = None) -> None:
        self.entries = dict(entries or {})
        self.away = False
        self.answers = True
        self.asked = 0
        self.sessions: list[Any] = []

    def tell(self, change: Any) -> None:
        for session in self.sessions:
            session.queue(change)


class FakeSession:
    def __init__(self, server: Any, uri: Any, mirror: Any) -> None:
        self.uri, self._server, self._mirror = uri, server, mirror
        self._read, self._write = os.pipe()
        self._changes: list[Any] = []
        mirror.begin()
        server.sessions.append(self)
        if server.answers:
            self.queue(self._everything)

    def _everything(self, mirror: Any) -> Any:
        for identity, one in self._server.entries.items():
            mirror.put(identity, one)
        mirror.complete()

    def queue(self, change: Any) -> None:
        self._changes.append(change)
        os.write(self._write, b"x")

    def fileno(self) -> Any:
        return self._read

    def receive(self) -> Any:
        if self._server.away:
            raise DirectoryError(f"{self.uri}: gone")
        heard, self._changes = self._changes, []
        if heard:
            os.read(self._read, 4096)
        for change in heard:
            change(self._mirror)
        return bool(heard)

    def close(self) -> None:
        if self in self._server.sessions:
            self._server.sessions.remove(self)
            os.close(self._read)
            os.close(self._write)


@pytest.fixture
def servers() -> Any:
    return {"ldap://one.test": Server(people(100)), "ldap://two.test": Server(people(100))}


@pytest.fixture
def connect(servers: Any) -> Any:
    def connect(uri: Any, _settings: Any, mirror: Any) -> Any:
        server = servers[uri]
        server.asked += 1
        if server.away:
            raise DirectoryError(f"{uri}: Can't contact LDAP server")
        return FakeSession(server, uri, mirror)

    return connect


@pytest.fixture
def service(settings: Any, connect: Any) -> Any:
    one = Service(settings, connect)
    one.start()
    yield one
    one.stop()
    one._leave()
