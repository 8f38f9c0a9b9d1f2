"""Read the one configuration file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path


class SettingsError(ValueError):
    """The configuration file cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told. Times are in seconds."""

    #: A resolver on this machine that validates: what it says of signatures is believed.
    resolver: str = "127.0.0.1"
    resolver_port: int = 53
    #: Where policies by HTTPS are known, as host and port; a socketmap like ours.
    sts_host: str = "127.0.0.1"
    sts_port: int = 8461
    #: For one question to DNS, and for the answer about a policy.
    patience: float = 10.0
    #: For so long a daemon that takes no connections may only be restarting.
    restart: float = 5.0


def read(path: Path) -> Settings:
    """Read the file. Raises SettingsError when it cannot be used."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    kinds = {one.name: type(one.default) for one in fields(Settings)}
    for name, value in given.items():
        if name not in kinds:
            raise SettingsError(f"{path}: {name} is no setting")
        if type(value) is not kinds[name] and not (kinds[name] is float and type(value) is int):
            raise SettingsError(f"{path}: {name} has to be of type {kinds[name].__name__}")
    return Settings(**given)
