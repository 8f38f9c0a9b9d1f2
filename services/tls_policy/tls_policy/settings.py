"""Read the one configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posthouse.settings import read, record


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


def load(path: Path) -> Settings:
    """Read the file. Raises SettingsError when it cannot be used."""
    return record(Settings, read(path), str(path))
