"""Read the one configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from posthouse.settings import SettingsError, read, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing to be sealed: what a command prints, run as an account."""

    name: str
    command: list[str]
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told."""

    #: The machine's name, for the sheets.
    machine: str
    #: Where sealed generations lie: root's, readable for the account that serves them.
    folder: str
    #: Who reads them and encrypts; it has no other rights.
    account: str
    #: Public keys of those who may open what is sealed (age, or ssh). Without any, nothing is sealed.
    keys: list[str] = field(default_factory=list)
    #: So many generations stay here; backup machines keep more.
    kept: int = 3
    #: Certificates with these names may fetch.
    readers: list[str] = field(default_factory=list)
    ca: str = "/etc/ssl/posthouse/ca.pem"
    certificate: str = "/etc/ssl/posthouse/machine.pem"
    key: str = "/etc/ssl/posthouse/machine.key"
    sources: list[Source] = field(default_factory=list)


def load(path: Path) -> Settings:
    """Read the configuration file. Raises SettingsError."""
    found = read(path)
    sources = found.pop("source", [])
    if not isinstance(sources, list):
        raise SettingsError(f"{path}: source is no list of tables")
    known = [record(Source, one, f"{path}: source") for one in sources]
    return record(Settings, {**found, "sources": known}, str(path))
