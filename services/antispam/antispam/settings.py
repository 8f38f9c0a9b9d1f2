"""What the program is told: one TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read


@dataclass(frozen=True)
class Channel:
    """A source of rules. fingerprint: of the key that signs it; key: the file with that key. Empty for SpamAssassin's own channel."""

    name: str
    fingerprint: str = ""
    key: str = ""


@dataclass(frozen=True)
class Settings:
    """home: SpamAssassin's directory, with the rules below VERSION/. version: as the directory is called.

    hook: what makes the content filter read new rules. compile: rules become machine code (sa-compile). expire: this machine ages the
    Bayes tokens that all share. stale_hours: age from which a channel is called stale.
    """

    home: Path = Path("/var/lib/spamassassin")
    version: str = "4.000001"
    channels: tuple[Channel, ...] = ()
    hook: tuple[str, ...] = ()
    compile: bool = False
    expire: bool = False
    stale_hours: int = 168

    @property
    def rules(self) -> Path:
        """The rules in use."""
        return self.home / self.version

    @property
    def state(self) -> Path:
        """What is remembered between runs."""
        return self.home / "posthouse.json"


def load(path: Path) -> Settings:
    """Read a configuration file. Raises SettingsError with a sentence for the operator."""
    given = read(path)
    try:
        return parse(given)
    except SettingsError as fault:
        raise SettingsError(f"{path}: {fault}") from fault


def parse(given: Mapping[str, Any]) -> Settings:
    """Turn a mapping into settings. Raises SettingsError."""
    found = dict(given)
    try:
        if "home" in found:
            found["home"] = Path(found["home"])
        if "hook" in found:
            found["hook"] = tuple(str(word) for word in found["hook"])
        found["channels"] = tuple(Channel(**channel) for channel in found.get("channels", []))
        return Settings(**found)
    except TypeError as fault:
        raise SettingsError(str(fault)) from fault
