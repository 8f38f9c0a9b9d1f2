"""What is known of the directory, and what a session with one of its servers must do. Knows no LDAP library."""

from __future__ import annotations

from typing import Protocol

from .settings import Settings
from .table import Person


class DirectoryError(Exception):
    """A server cannot be used now; the message names it and says why."""


class Mirror:
    """All people of the directory, as of the last complete refresh and the changes since."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        #: Whether people differ from what was last taken.
        self.changed = False
        #: How many complete refreshes there were.
        self.refreshes = 0
        self._incoming: dict[str, Person] | None = None

    def begin(self) -> None:
        """A refresh begins: what comes now is everything."""
        self._incoming = {}

    def put(self, identity: str, one: Person) -> None:
        """An entry is there or has changed."""
        if self._incoming is not None:
            self._incoming[identity] = one
        elif self.people.get(identity) != one:
            self.people[identity] = one
            self.changed = True

    def drop(self, identity: str) -> None:
        """An entry is gone."""
        if self._incoming is not None:
            self._incoming.pop(identity, None)
        elif self.people.pop(identity, None) is not None:
            self.changed = True

    def complete(self) -> None:
        """The refresh has ended: what did not come is gone."""
        if self._incoming is not None:
            self.people, self._incoming = self._incoming, None
            self.changed = True
            self.refreshes += 1

    @property
    def refreshing(self) -> bool:
        """Whether a refresh is under way."""
        return self._incoming is not None


class Session(Protocol):
    """One connection to one server, which fills a mirror: all of the directory first, then its changes."""

    uri: str

    def fileno(self) -> int:
        """Return the connection's descriptor, for select."""

    def receive(self) -> bool:
        """Take in all that has come; say whether anything has. Raises DirectoryError when the server is lost."""

    def close(self) -> None:
        """End the connection, whatever state it is in."""


class Connect(Protocol):
    """Opens a session. Raises DirectoryError."""

    def __call__(self, uri: str, settings: Settings, mirror: Mirror) -> Session:
        """Connect, bind and ask for everything."""
