"""What a tree remembers on the machine: the paths it owns and what its commands and units last worked with."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager

from .picture import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

DIRECTORY = "/var/lib/posthouse/tree"
PATIENCE = 600


class State:
    """The state file of one tree. It is a promise book, not a cache: whatever it says, files are compared for real."""

    def __init__(self, name: str, directory: str = DIRECTORY) -> None:
        self.name = name
        self.directory = directory
        self.path = f"{directory}/{name}.json"
        self.data: dict[str, Any] = {"tree": name}
        self._saved = ""
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as stream:
                self._saved = stream.read()
            try:
                self.data = json.loads(self._saved)
            except ValueError as error:
                raise Problem(f"{self.path} is not what tree wrote ({error}): remove it, the next run writes it anew") from None
        for key, empty in (
            ("files", []),
            ("directories", []),
            ("packages", []),
            ("commands", {}),
            ("units", {}),
            ("unverified", False),
            ("last", {}),
        ):
            self.data.setdefault(key, empty)

    def save(self) -> None:
        """Write the state atomically, if it differs from what is on disk."""
        text = json.dumps(self.data, indent=1, sort_keys=True) + "\n"
        if text == self._saved:
            return
        os.makedirs(self.directory, mode=0o755, exist_ok=True)
        temporary = f"{self.path}.{os.getpid()}.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
        os.rename(temporary, self.path)
        self._saved = text

    def forget(self, paths: Iterable[str]) -> None:
        """Commands and units that follow these files are owed again, even if the files become what they were.

        Somebody wrote them by hand, and may have told a daemon to read them.
        """
        known = [*self.data["commands"].values(), *(files for unit in self.data["units"].values() for files in unit.values())]
        for path in paths:
            for files in known:
                files.pop(path, None)

    def remembered(self) -> dict[str, Any]:
        """Return a copy of what commands and units last worked with, for the way back."""
        copy: dict[str, Any] = json.loads(json.dumps({key: self.data[key] for key in ("commands", "units")}))
        return copy


@contextmanager
def locked(directory: str, check: bool) -> Iterator[None]:
    """Let one run at a time work on a machine; a check changes nothing and waits for nobody.

    A run whose control node went away may still be installing packages: the next one waits for it.
    """
    if check:
        yield
        return
    os.makedirs(directory, mode=0o755, exist_ok=True)
    descriptor = os.open(f"{directory}/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Problem(f"another run has held {directory}/.lock for {PATIENCE} s: let it end, or end it") from None
                time.sleep(0.5)
        yield
    finally:
        os.close(descriptor)


def refuse_shared(name: str, paths: Iterable[str], claims: dict[str, str]) -> None:
    """Raise when a path of this tree belongs to another one: two roles would undo each other for ever."""
    shared = [path for path in paths if path in claims]
    if shared:
        path = shared[0]
        more = f" (and {len(shared) - 1} more)" if len(shared) > 1 else ""
        raise Problem(
            f"{path}{more} is shipped by tree {claims[path]!r} already and cannot be shipped by {name!r} too: let one role own it. "
            f"If {claims[path]!r} gave it up, run that role first; if it is gone for good, run tree with its name and source: ''"
        )
