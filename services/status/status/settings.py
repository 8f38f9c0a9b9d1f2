"""What the command is told: one TOML file, every value with a type and a range."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from .findings import Limits


class SettingsError(ValueError):
    """The configuration is not one."""


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
    """A command of another service that says how it is, in JSON. account: whom it runs as."""

    name: str
    run: tuple[str, ...]
    account: str = ""
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
    groups: tuple[str, ...] = ()
    patience: int = 8
    units: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    ca: str = ""
    old_tls: bool = True
    disks: tuple[str, ...] = ("/",)
    clock: bool = False
    certificate_days: Limits = field(default=Limits(21, 7))
    disk_percent: Limits = field(default=Limits(85, 95))
    memory_percent: Limits = field(default=Limits(10, 4))
    clock_seconds: Limits = field(default=Limits(0.5, 5))
    replication_seconds: Limits = field(default=Limits(60, 600))
    recipients_minutes: Limits = field(default=Limits(15, 240))
    blocklists_minutes: Limits = field(default=Limits(15, 120))
    signatures_hours: Limits = field(default=Limits(48, 168))
    dump_hours: Limits = field(default=Limits(30, 80))
    queues: tuple[Queue, ...] = ()
    ports: tuple[Port, ...] = ()
    programs: tuple[Program, ...] = ()
    directory: Directory | None = field(default=None)


def load(path: Path) -> Settings:
    """Read a configuration file. Raises SettingsError with a sentence for the operator."""
    try:
        found: Settings = parse(Settings, tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, SettingsError) as fault:
        raise SettingsError(f"{path}: {fault}") from fault
    return found


def parse(kind: Any, given: Any, where: str = "") -> Any:
    """Turn a mapping into a dataclass. Raises SettingsError for what is unknown, missing, of another type or out of range."""
    if not isinstance(given, Mapping):
        raise SettingsError(f"{where or 'it'} is no table")
    hints = get_type_hints(kind)
    if unknown := sorted(set(given) - set(hints)):
        raise SettingsError(f"{where}unknown: {', '.join(unknown)}")
    found = {name: _value(hints[name], value, f"{where}{name}") for name, value in given.items()}
    try:
        return kind(**found)
    except TypeError as fault:
        lacking = [one.name for one in fields(kind) if one.name not in given]
        raise SettingsError(f"{where}lacks one of {', '.join(lacking)}") from fault


def _value(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise SettingsError(f"{where}: {value!r} is no list")
        return tuple(_value(get_args(kind)[0], one, f"{where}: ") for one in value)
    if kind is Limits:
        return limits(value, where)
    if kind in (str, bool, int):
        if type(value) is not kind:
            raise SettingsError(f"{where}: {value!r} is no {kind.__name__}")
        if kind is int and not 1 <= value <= 65535:
            raise SettingsError(f"{where}: {value!r} is no number from 1 to 65535")
        return value
    inner = next((one for one in get_args(kind) if one is not type(None)), kind)
    return parse(inner, value, f"{where}: ")


def limits(value: Any, where: str) -> Limits:
    """Read a pair of numbers: from where on it is a warning, and critical."""
    numbers = value if isinstance(value, list) else []
    if len(numbers) != 2 or any(type(one) not in (int, float) or one < 0 for one in numbers):
        raise SettingsError(f"{where}: {value!r} is no pair of numbers, the first for a warning, the second for what is critical")
    return Limits(*numbers)
