"""Read the one configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from posthouse.settings import SettingsError, read, record


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
    same_domains: list[str] = field(default_factory=list)
    #: What parts a person's name from an extension. Empty for none.
    delimiter: str = "+"


def load(path: Path) -> Settings:
    """Read settings from a TOML file. Raises SettingsError."""
    return parse(read(path), str(path))


def parse(found: dict[str, Any], origin: str = "settings") -> Settings:
    """Turn a mapping into settings. Raises SettingsError naming the setting."""
    values = dict(found)
    if "from_mismatch" in values:
        try:
            values["from_mismatch"] = Action(values["from_mismatch"])
        except ValueError as fault:
            raise SettingsError(f"{origin}: from_mismatch is {', '.join(action.value for action in Action)}") from fault
    return record(Settings, values, origin)
