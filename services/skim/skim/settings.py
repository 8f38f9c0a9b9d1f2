"""Read the one configuration file."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record

_log = logging.getLogger(__name__)


class Action(Enum):
    """What becomes of a letter that a rule has found."""

    OFF = "off"
    LOG = "log"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told."""

    #: The rule "the envelope sender is nobody in From", and with more than how many recipients it looks.
    from_mismatch: Action = Action.OFF
    from_mismatch_recipients: int = 100
    #: Addresses of these domains mean the same local part in the first of them.
    same_domains: list[str] = field(default_factory=list)
    #: What parts a person's name from an extension. Empty for none.
    delimiter: str = "+"


class Watched:
    """Settings that follow their file, so that nobody has to restart the service and no letter finds it away."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises SettingsError."""
        self._path = path
        self._seen = self._stamp()
        self._settings = load(path)

    def now(self) -> Settings:
        """Return what the file says, or what it said before when it cannot be used."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._settings = load(self._path)
                _log.info("settings were read anew")
            except SettingsError as fault:
                _log.error("%s; what was read before goes on", fault)
        return self._settings

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return (found.st_ino, found.st_mtime_ns)


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    return parse(read(path), str(path))


def parse(found: dict[str, Any], origin: str = "settings") -> Settings:
    """Turn a mapping into settings. Raises SettingsError naming the setting."""
    values = dict(found)
    if "from_mismatch" in values:
        try:
            values["from_mismatch"] = Action(values["from_mismatch"])
        except ValueError as fault:
            raise SettingsError(f"{origin}: from_mismatch is {', '.join(action.value for action in Action)}") from fault
    return record(Settings, values, origin)
