"""What the service is told: one TOML file, every value with a type and a range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read


@dataclass(frozen=True)
class Settings:
    """Paths and limits.

    home: ClamAV's directory; below it lie fetched/, sets/ and the link active. socket: where clamd listens.
    official: freshclam is asked. freshclam, fangfrisch: their configuration files; without one fangfrisch is not asked.
    local: directories whose files are signatures too. clean: a directory of mails in which no signature may see anything.
    keys: name of a fetched file to the public key (ASCII armour or binary) that must have signed it.
    stale_hours: age from which official signatures are called stale. loss_percent: a file that has lost more of its signatures is not
    believed. patience: seconds one test may take. reload_patience: seconds clamd may take to serve a new set.
    """

    home: Path = Path("/var/lib/clamav")
    socket: Path = Path("/run/clamav/clamd.ctl")
    official: bool = False
    freshclam: Path = Path("/etc/clamav/freshclam.conf")
    fangfrisch: Path | None = None
    local: tuple[Path, ...] = ()
    clean: Path | None = None
    keys: Mapping[str, Path] = field(default_factory=dict)
    stale_hours: int = 72
    loss_percent: int = 50
    patience: int = 600
    reload_patience: int = 300

    @property
    def active(self) -> Path:
        """The link that names the set in use; clamd's DatabaseDirectory."""
        return self.home / "active"

    @property
    def sets(self) -> Path:
        """Where sets lie, the one in use and the one before it."""
        return self.home / "sets"

    def fetched(self, source: str) -> Path:
        """Return the directory into which one of the fetching programs writes."""
        return self.home / "fetched" / source


def load(path: Path) -> Settings:
    """Read a configuration file. Raises SettingsError with a sentence for the operator."""
    given = read(path)
    try:
        return parse(given)
    except SettingsError as fault:
        raise SettingsError(f"{path}: {fault}") from fault


def parse(given: Mapping[str, Any]) -> Settings:
    """Turn a mapping into settings. Raises SettingsError for what is unknown, of another type or out of range."""
    known = {one.name for one in fields(Settings)}
    if unknown := sorted(set(given) - known):
        raise SettingsError(f"unknown: {', '.join(unknown)}")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name in {"home", "socket", "freshclam", "fangfrisch", "clean"}:
            found[name] = _path(name, value) if value or name in {"home", "socket", "freshclam"} else None
        elif name == "local":
            found[name] = tuple(_path(name, one) for one in _a(list, name, value))
        elif name == "keys":
            found[name] = {str(key): _path(name, one) for key, one in _a(dict, name, value).items()}
        elif name == "official":
            found[name] = _a(bool, name, value)
        else:
            found[name] = _number(name, value)
    return Settings(**found)


def _a(kind: type, name: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise SettingsError(f"{name}: {value!r} is no {kind.__name__}")
    return value


def _path(name: str, value: Any) -> Path:
    if not isinstance(value, str) or not value.startswith("/"):
        raise SettingsError(f"{name}: {value!r} is no absolute path")
    return Path(value)


def _number(name: str, value: Any) -> int:
    highest = 100 if name == "loss_percent" else 1_000_000
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
        raise SettingsError(f"{name}: {value!r} is no number from 1 to {highest}")
    return value
