"""Read one TOML file into a dataclass, with sentences for the operator when it cannot be used."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


class SettingsError(ValueError):
    """The configuration cannot be used; the message names file and setting, and holds no value: it may be a password."""


def read(path: Path) -> dict[str, Any]:
    """Return what a TOML file says. Raises SettingsError."""
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SettingsError(f"{path}: {fault}") from fault


def record(kind: type[T], found: Any, origin: str) -> T:
    """Turn a mapping into a dataclass of this kind. Raises SettingsError for what is unknown, missing or of another type.

    Numbers are 0 or more. What is neither a number, text, a list of text nor a table of numbers has its type already.
    """
    if not isinstance(found, dict):
        raise SettingsError(f"{origin} is no table")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]  # only dataclasses come here
    if unknown := [name for name in found if name not in known]:
        raise SettingsError(f"{origin}: unknown setting {unknown[0]}; there are {', '.join(known)}")
    values: dict[str, Any] = {}
    for name, one in known.items():
        if name not in found:
            if one.default is MISSING and one.default_factory is MISSING:
                raise SettingsError(f"{origin}: {name} is missing")
            continue
        value = float(found[name]) if hints[name] is float and type(found[name]) is int else found[name]
        if not _fits(value, hints[name]):
            raise SettingsError(f"{origin}: {name} is not what it should be ({getattr(hints[name], '__name__', hints[name])})")
        values[name] = value
    return kind(**values)


def _fits(value: Any, hint: Any) -> bool:
    if hint == list[str]:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if hint == dict[str, int]:
        return isinstance(value, dict) and all(type(one) is int and one >= 0 for one in value.values())
    if hint in (int, float):
        return type(value) is hint and value >= 0
    plain = getattr(hint, "__origin__", hint)
    return isinstance(value, plain)
