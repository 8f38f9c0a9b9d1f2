"""Read the one configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told. Times are in seconds."""

    #: Directory servers, asked in this order, e.g. ldap://ldap1.example.org. Every connection uses StartTLS.
    uris: list[str]
    bind_dn: str
    password: str
    base: str
    #: File with the authority that signed the servers' certificates.
    ca: str
    filter: str = "(objectClass=qmailUser)"
    #: The table: this path with .cdb.
    table: str = "/var/lib/posthouse-recipients/recipients"
    control: str = "/run/posthouse-recipients/control"
    #: Whether the table says too who may write as which address, for machines where people hand mail in.
    senders: bool = False
    #: Our mail domains, and the local parts that are valid in each whatever the directory says (RFC 5321 4.5.1, RFC 2142).
    domains: list[str]
    always: list[str]
    #: What Postfix answers (access(5)).
    reply_valid: str = "OK"
    reply_disabled: str = "550 5.2.1 Mailaddress is administratively disabled."
    reply_pending: str = "451 4.3.0 Who has a mailbox here is not known yet, please try again later."
    reply_deleted: str = "550 5.1.1 Sorry, no mailbox here by that name."
    #: Everything is read anew this often, beside following changes.
    refresh: float = 300.0
    #: Changes are collected for this long before the table is written.
    settle: float = 0.5
    #: A server that does not answer for this long is away.
    patience: float = 10.0
    #: A table that has lost more than this many addresses in a hundred within an hour is not believed ...
    loss_percent: float = 20.0
    #: ... unless it has lost no more than this many.
    loss_tolerated: int = 10


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    return parse(read(path), str(path))


def parse(found: dict[str, Any], origin: str = "settings") -> Settings:
    """Turn a mapping into settings. Raises SettingsError naming the setting."""
    settings = record(Settings, found, origin)
    if not settings.uris or not settings.domains:
        raise SettingsError(f"{origin}: uris and domains need at least one value each")
    if min(settings.refresh, settings.patience) <= 0 or settings.settle < 0 or not 0 < settings.loss_percent <= 100:
        raise SettingsError(f"{origin}: refresh and patience are seconds above 0, loss_percent is between 0 and 100")
    return settings
