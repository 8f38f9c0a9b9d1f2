"""Read the one configuration file."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record

from .answers import AnswersError, Patterns


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A DNS list that is watched."""

    zone: str
    #: Answers that count, those that fit one of these, as postscreen_dnsbl_sites writes them, e.g. 127.0.0.[2..11]; none: every address.
    answers: list[str] = field(default_factory=list)
    #: The address that the list keeps listed for tests (RFC 5782 section 5); empty: it has none.
    test_address: str = "127.0.0.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A file that is fetched for rbldnsd."""

    zone: str
    #: How rbldnsd reads it, e.g. ip4set.
    type: str
    #: As rsync takes it, e.g. rsync://name@feed.example.net/lists/zen.
    source: str
    #: Where it is served from.
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the commands are told. Times are in seconds."""

    resolver: str = "127.0.0.1"
    #: From this address the resolver is asked; it applies no policy to it.
    asks_from: str = "127.0.0.153"
    policy_zone: str = "taken-out.posthouse"
    policy_key: str = "/etc/bind/posthouse-taken-out.key"
    state: str = "/var/lib/posthouse-blocklists"
    #: File with passwords of rsync servers, by zone.
    passwords: str = "/etc/posthouse/blocklists-passwords.toml"
    #: A question that is not answered for this long is not answered.
    patience: float = 5.0
    #: A list that does not answer rightly this many times in a row is taken out ...
    failures: int = 3
    #: ... and put back when it answered rightly this many times in a row.
    recoveries: int = 5
    #: Networks that no list of senders has a reason to list; addresses of them are asked for at random (RFC 5737).
    never_listed: list[str] = field(default_factory=lambda: ["192.0.2.0/24", "203.0.113.0/24"])
    #: A fetched file that has lost more than this many entries in a hundred is not believed.
    loss_percent: float = 50.0
    lists: list[Listed] = field(default_factory=list)
    mirrors: list[Mirror] = field(default_factory=list)


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    return parse(read(path), str(path))


def passwords(path: Path) -> dict[str, str]:
    """Read passwords by zone; none when there is no such file. Raises SettingsError."""
    return {name: str(value) for name, value in read(path).items()} if path.exists() else {}


def parse(found: dict[str, Any], origin: str = "settings") -> Settings:
    """Turn a mapping into settings. Raises SettingsError naming the setting."""
    found = dict(found)
    for name, kind in (("lists", Listed), ("mirrors", Mirror)):
        if isinstance(found.get(name, []), list):
            found[name] = [record(kind, item, f"{origin}: {name}[{index}]") for index, item in enumerate(found.get(name, []))]
    settings = record(Settings, found, origin)
    try:
        for network in settings.never_listed:
            ipaddress.ip_network(network)
        for listed in settings.lists:
            Patterns(listed.answers)
            if listed.test_address:
                ipaddress.ip_address(listed.test_address)
    except (ValueError, AnswersError) as fault:
        raise SettingsError(f"{origin}: {fault}") from fault
    zones = [listed.zone for listed in settings.lists]
    twice = {zone for zone in zones if zones.count(zone) > 1}
    if twice:
        raise SettingsError(f"{origin}: lists named twice: {', '.join(sorted(twice))}")
    if settings.patience <= 0 or min(settings.failures, settings.recoveries) < 1 or not 0 < settings.loss_percent <= 100:
        raise SettingsError(f"{origin}: patience is above 0, failures and recoveries are at least 1, loss_percent is between 0 and 100")
    return settings
