"""What the command is told: one TOML file, every value with a type."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record

from .findings import Limits


@dataclass(frozen=True, slots=True)
class Queue:
    """A Postfix instance. minutes: age of its oldest letter. letters: how many are in it."""

    name: str
    configuration: str
    minutes: Limits
    letters: Limits
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A port that shall speak TLS. speaks: tls from the first byte, or the protocol that is asked for STARTTLS.

    host: the name that its certificate shall have. unit: who serves it; when that does not run, the port is not asked.
    """

    name: str
    address: str
    port: int
    speaks: str
    host: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A command of another service that says how it is, in JSON. account, groups: whom it runs as."""

    name: str
    run: list[str]
    account: str = ""
    groups: list[str] = field(default_factory=list)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory server on this machine. secret: file with the password of identity. provider: whom it follows."""

    uri: str
    suffix: str
    identity: str
    secret: str
    provider: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What there is to be looked at on this machine, and what is too much.

    account, groups: who looks. patience: seconds that all of it may take. certificates: files that hold one each. ca: who signs them.
    old_tls: try outdated versions too. disks: a directory of each disk. clock: chrony asks time servers. certificate_days: left.
    disk_percent: used. memory_percent: free. The other limits: how old or late each may be.
    """

    account: str = ""
    groups: list[str] = field(default_factory=list)
    patience: int = 15
    units: list[str] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)
    ca: str = ""
    old_tls: bool = True
    disks: list[str] = field(default_factory=lambda: ["/"])
    clock: bool = False
    certificate_days: Limits = field(default=Limits(21, 7))
    disk_percent: Limits = field(default=Limits(85, 95))
    memory_percent: Limits = field(default=Limits(8, 3))
    clock_seconds: Limits = field(default=Limits(0.5, 5))
    replication_seconds: Limits = field(default=Limits(60, 600))
    recipients_minutes: Limits = field(default=Limits(15, 240))
    blocklists_minutes: Limits = field(default=Limits(15, 120))
    signatures_hours: Limits = field(default=Limits(48, 168))
    dump_hours: Limits = field(default=Limits(30, 80))
    queues: list[Queue] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    directory: Directory | None = None


_TABLES: dict[str, type] = {"queues": Queue, "ports": Port, "programs": Program}


def load(path: Path) -> Settings:
    """Read a configuration file. Raises SettingsError with a sentence for the operator."""
    found = read(path)
    for name, kind in _TABLES.items():
        tables = found.get(name, [])
        if not isinstance(tables, list):
            raise SettingsError(f"{path}: {name} is no list of tables")
        found[name] = [record(kind, _limited(kind, table, f"{path}: {name}"), f"{path}: {name}") for table in tables]
    if "directory" in found:
        found["directory"] = record(Directory, found["directory"], f"{path}: directory")
    return record(Settings, _limited(Settings, found, str(path)), str(path))


def _limited(kind: Any, found: Any, origin: str) -> Any:
    """Make limits of the pairs of numbers in a table."""
    if not isinstance(found, dict):
        return found
    mine = {one.name for one in fields(kind) if one.type == "Limits"}
    return {name: _limits(value, f"{origin}: {name}") if name in mine else value for name, value in found.items()}


def _limits(value: Any, origin: str) -> Limits:
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or any(type(one) not in (int, float) or one < 0 for one in numbers):
        raise SettingsError(f"{origin} is no pair of numbers, the first for a warning, the second for what is critical")
    return Limits(*numbers)
