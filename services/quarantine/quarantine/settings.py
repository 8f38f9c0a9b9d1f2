"""Read the configuration files: one of the review command, one of the maintenance command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from posthouse.settings import SettingsError, read, record

from .errors import UsageError

T = TypeVar("T")

#: Class names, and the letters of msgs.content that belong to each (amavisd-new, README.sql-mysql).
CLASSES: dict[str, str] = {
    "virus": "V",
    "banned": "B",
    "spam": "SY",
    "badheader": "MH",
    "unchecked": "U",
    "oversized": "O",
    "error": "T",
    "clean": "C",
}
CLASS_OF = {letter: name for name, letters in CLASSES.items() for letter in letters}


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What the review command is told. Times are in seconds."""

    #: The quarantine machine, by the name its certificate has.
    host: str
    port: int = 3306
    user: str = "review"
    password: str = field(repr=False)
    database: str = "quarantine"
    #: File with the authority that signed the database's certificate.
    ca: str
    #: What parts a person's name from an extension: al+news@example.org is al@example.org's. Empty for none.
    delimiter: str = "+"
    #: Where amavis listens for AM.PDP.
    filter_socket: str = "/var/lib/amavis/amavisd.sock"
    #: A release of a large message to a slow machine takes its time.
    release_timeout: float = 300.0
    #: sa-learn, with options that belong to this site; --spam or --ham and a list of files follow.
    learn_command: list[str] = field(default_factory=lambda: ["/usr/bin/sa-learn"])
    #: Messages learned in one run, and bytes of a message beyond which it is not worth learning.
    learn_batch: int = 200
    learn_largest: int = 1048576
    learn_tries: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """What the maintenance command is told. Days and megabytes by class; 0 megabytes is no limit."""

    socket: str = "/run/mysqld/mysqld.sock"
    database: str = "quarantine"
    antispam: str = "antispam"
    #: Where a dump is restored into to prove that it can be.
    scratch: str = "quarantine_restored"
    days: dict[str, int] = field(default_factory=dict)
    megabytes: dict[str, int] = field(default_factory=dict)
    #: Records of messages of which no copy was kept, and of those that the filter never finished.
    days_passed: int = 5
    days_unfinished: int = 2
    #: After a deletion or a confirmation the copy stays this long.
    days_deleted: int = 1
    #: For this long a question for a purged message is answered as such; audit rows are kept as long as days_audit says.
    days_remembered: int = 60
    days_audit: int = 400
    #: What SpamAssassin knows of a sender that has not written for so long, and of a message that was learned so long ago.
    days_antispam: int = 120
    #: One transaction of the purge shall take about this long, and the pause after it this share of its time.
    purge_seconds: float = 0.1
    purge_pause: float = 0.5
    dumps: str = "/var/lib/quarantine/dumps"
    dumps_kept: int = 7


DAYS = {"clean": 5}
_OTHER_DAYS = 30


def days_of(settings: Admin, name: str) -> int:
    """Return for how many days copies of a class are kept."""
    return settings.days.get(name, DAYS.get(name, _OTHER_DAYS))


def load(path: Path, kind: type[T]) -> T:
    """Read settings of a kind from a TOML file. Raises UsageError naming file and setting."""
    try:
        return parse(read(path), kind, str(path))
    except SettingsError as fault:
        raise UsageError(str(fault)) from fault


def parse(found: Mapping[str, Any], kind: type[T], origin: str = "settings") -> T:
    """Turn a mapping into settings of a kind. Raises UsageError naming the setting, never its value: it may be a password."""
    try:
        made = record(kind, dict(found), origin)
    except SettingsError as fault:
        raise UsageError(str(fault)) from fault
    if isinstance(made, Admin):
        _check(made, origin)
    elif isinstance(made, Review) and not made.learn_command:
        raise UsageError(f"{origin}: learn_command has at least one word")
    return made


def _check(settings: Admin, origin: str) -> None:
    for name in (*settings.days, *settings.megabytes):
        if name not in CLASSES:
            raise UsageError(f"{origin}: there is no class {name}; there are {', '.join(CLASSES)}")
    # 0 days would be "remove everything tonight", and somebody might mean "for ever".
    days = {f"days.{name}": value for name, value in settings.days.items()}
    days |= {one.name: getattr(settings, one.name) for one in fields(settings) if one.name.startswith("days_")}
    if none := [name for name, value in days.items() if value < 1]:
        raise UsageError(f"{origin}: {none[0]} is at least 1; for ever is a large number")
    if not settings.dumps_kept or not settings.purge_seconds:
        raise UsageError(f"{origin}: dumps_kept and purge_seconds are above 0")
