"""Read the one configuration file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """The configuration file cannot be used; the message says why, for the operator."""


class Action(Enum):
    """What becomes of a letter that a rule has found."""

    OFF = "off"
    LOG = "log"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the service is told."""

    #: Where Postfix speaks to it, as libmilter writes it.
    socket: str = "unix:/run/posthouse-skim/milter"
    #: The rule "the envelope sender is nobody in From", and with more than how many recipients it looks.
    from_mismatch: Action = Action.OFF
    from_mismatch_recipients: int = 100
    #: Addresses of these domains mean the same local part in the first of them.
    same_domains: tuple[str, ...] = ()
    #: What parts a person's name from an extension. Empty for none.
    delimiter: str = "+"


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    try:
        with path.open("rb") as stream:
            found = tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise SettingsError(f"{path}: {fault}") from fault
    return parse(found, str(path))


def parse(found: dict[str, Any], origin: str = "settings") -> Settings:
    """Turn a mapping into settings. Raises SettingsError naming the setting."""
    known = [one.name for one in fields(Settings)]
    if unknown := [name for name in found if name not in known]:
        raise SettingsError(f"{origin}: unknown setting {unknown[0]}; there are {', '.join(known)}")
    values = dict(found)
    try:
        if "from_mismatch" in values:
            values["from_mismatch"] = Action(values["from_mismatch"])
    except ValueError as fault:
        raise SettingsError(f"{origin}: from_mismatch is {', '.join(action.value for action in Action)}") from fault
    domains = values.get("same_domains", [])
    if not isinstance(domains, list) or not all(isinstance(one, str) for one in domains):
        raise SettingsError(f"{origin}: same_domains is a list of domains")
    values["same_domains"] = tuple(one.lower() for one in domains)
    if type(values.get("from_mismatch_recipients", 0)) is not int or values.get("from_mismatch_recipients", 0) < 0:
        raise SettingsError(f"{origin}: from_mismatch_recipients is a whole number from 0 on")
    if not isinstance(values.get("socket", ""), str) or not isinstance(values.get("delimiter", ""), str):
        raise SettingsError(f"{origin}: socket and delimiter are text")
    return Settings(**values)
