"""Read the one configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record

from .limits import NONE, Networks, Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Where a person's own number and address stand."""

    #: Servers, asked in this order, e.g. ldap://ldap1.example.org. Every connection uses StartTLS.
    uris: list[str]
    bind_dn: str
    password: str = field(repr=False)
    base: str
    ca: str
    #: What was read counts for this long.
    fresh: float = 60.0
    #: A server that does not answer for this long is away.
    patience: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where machines share their counts."""

    #: By the name that its certificate has.
    host: str
    port: int = 3306
    name: str = "quarantine"
    user: str = "rates"
    password: str = field(repr=False)
    ca: str
    patience: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told. Times are in seconds."""

    person: Numbers
    device: Numbers
    networks: Networks
    #: For so long a letter counts.
    window: float = 3600.0
    #: Letters of one holder that may be kept in a window; then its next ones are put off.
    most_waiting: int = 100
    postmaster: str
    hostname: str
    #: Where our own letters go.
    server: str = "127.0.0.1"
    port: int = 10025
    #: Where Postfix asks, when systemd has not opened it.
    socket: str = "/run/posthouse-rates/policy"
    directory: Directory | None = None
    database: Database | None = None


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    return parse(read(path), str(path))


def parse(found: dict[str, Any], origin: str = "settings") -> Settings:
    """Turn a mapping into settings. Raises SettingsError naming the setting."""
    found = dict(found)
    for name in ("person", "device"):
        found[name] = _numbers(found.get(name), f"{origin}: {name}")
    given = found.pop("network", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) and isinstance(one.get("network"), str) for one in given):
        raise SettingsError(f"{origin}: network is a list of tables, each with a network")
    try:
        found["networks"] = Networks(
            ((one["network"], _numbers({**one, "network": None}, f"{origin}: {one['network']}")) for one in given), found["device"]
        )
    except ValueError as fault:
        raise SettingsError(f"{origin}: {fault}") from fault
    for name, kind in (("directory", Directory), ("database", Database)):
        if name in found:
            found[name] = record(kind, found[name], f"{origin}: {name}")
    settings = record(Settings, found, origin)
    if settings.directory and not settings.directory.uris:
        raise SettingsError(f"{origin}: directory: uris needs at least one value")
    if settings.window <= 0 or settings.most_waiting < 1:
        raise SettingsError(f"{origin}: window is above 0, most_waiting at least 1")
    return settings


def _numbers(given: Any, origin: str) -> Numbers:
    if not isinstance(given, dict) or not {"hard"} <= set(given) <= {"soft", "hard", "network"}:
        raise SettingsError(f"{origin} has hard, and perhaps soft")
    soft, hard = given.get("soft", NONE), given["hard"]
    if type(soft) is not int or type(hard) is not int:
        raise SettingsError(f"{origin}: soft and hard are whole numbers")
    try:
        return Numbers(soft, hard)
    except ValueError as fault:
        raise SettingsError(f"{origin}: {fault}") from fault
