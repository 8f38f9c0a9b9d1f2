"""Read the one configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Where people stand."""

    #: Servers, asked in this order, e.g. ldaps://ldap1.example.org; ldap:// is secured by StartTLS.
    uris: list[str]
    bind_dn: str
    password: str = field(repr=False)
    base: str
    ca: str
    #: Seconds; a server that does not answer for this long is away.
    patience: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A class of people, and how long their copies and removed letters are kept."""

    name: str
    #: Of LDAP; the first class whose filter a person matches counts.
    filter: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """People of whom nothing is culled."""

    people: list[str]
    reason: str
    #: The first moment at which the hold is over; None is never.
    until: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Say whether the hold is in force."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files with which this machine proves itself, and those it believes."""

    ca: str = "/etc/ssl/posthouse/ca.pem"
    certificate: str = "/etc/ssl/posthouse/machine.pem"
    key: str = "/etc/ssl/posthouse/machine.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirroring:
    """How mirrors are brought up to date."""

    #: Bytes a second from all mailstores together; 0 is without limit.
    rate: int = 0
    #: People at once, and at most so many of them from one mailstore.
    at_once: int = 4
    at_once_store: int = 2
    #: So many hours after its beginning a run begins with nobody more; those who are left come first in the next one.
    hours: float = 8.0
    #: A mailstore that says nothing for so many seconds in the middle of it, and a person that takes so many minutes, are given up.
    stall: float = 120.0
    longest: float = 360.0
    #: Every so many days each letter of a person is looked at, not only the folders that say they changed; 0 is never.
    whole_days: int = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told."""

    #: This machine's full name.
    hostname: str
    #: Everything is below it.
    home: Path = Path("/srv/backup")
    #: Full names of all backup machines, and on how many of them a person's mail is.
    machines: list[str]
    copies: int = 1
    #: How long copies and removed letters are kept, unless a class says otherwise.
    days: int = 30
    #: So many bytes of the disk stay free: copies are taken until then, everything else stops at twice as many.
    minimum_free: int = 1 << 30
    #: Where somebody without mailHost lives.
    default_store: str
    #: Full names of all mailstores, and the port of their Dovecot's door for this machine.
    stores: list[str]
    store_port: int = 2529
    #: The drill of each night: people, letters of each that are read, megabytes of each that are restored, minutes for all of them.
    drill_people: int = 10
    drill_letters: int = 2000
    drill_megabytes: int = 2048
    drill_minutes: int = 120
    #: Hours after which `status` warns, and after which it is critical, that there was no drill that passed, and so on.
    drill_hours: list[int] = field(default_factory=lambda: [30, 48])
    mirror_hours: list[int] = field(default_factory=lambda: [30, 54])
    cull_hours: list[int] = field(default_factory=lambda: [30, 78])
    state_hours: list[int] = field(default_factory=lambda: [30, 78])
    #: Logins of those who come back first when a mailstore is restored.
    restore_first: list[str] = field(default_factory=list)
    #: Full names of machines that seal what they know beside mail, their port for it, and for how many days it is kept here.
    state_machines: list[str] = field(default_factory=list)
    state_port: int = 2530
    state_days: int = 30
    tls: Tls = field(default_factory=Tls)
    mirroring: Mirroring = field(default_factory=Mirroring)
    directory: Directory
    classes: list[Kind] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)

    def person(self, uid: str) -> Path:
        """Return the folder of a person. uid: one that posthouse.placement.unusable has nothing against."""
        return self.home / "people" / uid


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    return parse(read(path), str(path))


def parse(found: dict[str, Any], origin: str = "settings") -> Settings:
    """Turn a mapping into settings. Raises SettingsError naming the setting."""
    found = dict(found)
    if isinstance(found.get("home"), str):
        found["home"] = Path(found["home"])
    for name, kind in (("directory", Directory), ("mirroring", Mirroring)):
        if name in found:
            found[name] = record(kind, found[name], f"{origin}: {name}")
    found["tls"] = record(Tls, found.get("tls", {}), f"{origin}: tls")
    found["classes"] = [record(Kind, one, f"{origin}: class") for one in _tables(found.pop("class", []), f"{origin}: class")]
    found["holds"] = [_hold(one, f"{origin}: hold") for one in _tables(found.pop("hold", []), f"{origin}: hold")]
    settings = record(Settings, found, origin)
    if min(settings.mirroring.at_once, settings.mirroring.at_once_store) < 1:
        raise SettingsError(f"{origin}: mirroring: at_once and at_once_store are at least 1")
    if not settings.directory.uris or settings.hostname not in settings.machines:
        raise SettingsError(f"{origin}: directory.uris needs a value, and machines has to name this one")
    if min([settings.days, settings.copies, settings.state_days, *(one.days for one in settings.classes)]) < 1:
        raise SettingsError(f"{origin}: days and copies are at least 1")
    return settings


def _tables(given: Any, origin: str) -> list[dict[str, Any]]:
    if not isinstance(given, list):
        raise SettingsError(f"{origin} is a list of tables")
    return given


def _hold(given: Any, origin: str) -> Hold:
    """Read a hold; a day in `until` is the last one on which it counts, by UTC."""
    given = dict(given) if isinstance(given, dict) else given
    until = given.get("until") if isinstance(given, dict) else None
    if isinstance(until, str):
        try:
            until = datetime.fromisoformat(until) if "T" in until or " " in until else date.fromisoformat(until)
        except ValueError as fault:
            raise SettingsError(f"{origin}: until is no date: {fault}") from fault
    if isinstance(until, datetime):
        given["until"] = until if until.tzinfo else until.replace(tzinfo=UTC)
    elif isinstance(until, date):
        given["until"] = datetime.combine(until, time.max, UTC)
    return _checked(record(_Given, given, origin), origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    people: list[str]
    reason: str
    until: object = None


def _checked(given: _Given, origin: str) -> Hold:
    if not given.people or not given.reason.strip():
        raise SettingsError(f"{origin}: a hold names people and has a reason")
    if given.until is not None and not isinstance(given.until, datetime):
        raise SettingsError(f"{origin}: until is a date")
    return Hold(people=given.people, reason=given.reason, until=given.until)
