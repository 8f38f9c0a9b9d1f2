"""Filters for machines that wait to become others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

_ROLES = Path(__file__).resolve().parents[1] / "roles"


def _of_roles(roles: Iterable[str], what: str) -> list[str]:
    found: dict[str, None] = {}
    for role in roles:
        folder = _ROLES / str(role)
        if not folder.is_dir():
            raise ValueError(f"there is no role {role}")
        path = folder / "vars" / "main.yml"
        said = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        wanted = said.get(f"__{role}_{what}", [])
        if not isinstance(wanted, list) or any("{{" in str(one) for one in wanted):
            raise ValueError(f"{path}: __{role}_{what} is an expression, which only the role itself can work out")
        found.update(dict.fromkeys(map(str, wanted)))
    return list(found)


def standby_packages(roles: Iterable[str]) -> list[str]:
    """Name the packages that roles install, as their vars/main.yml has them, each once.

    Raises ValueError for a role that there is not, or that works its packages out.
    """
    return _of_roles(roles, "packages")


def standby_debconf(roles: Iterable[str]) -> list[str]:
    """Name what roles tell debconf before they install, as standby_packages does."""
    return _of_roles(roles, "debconf")


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"standby_debconf": standby_debconf, "standby_packages": standby_packages}
