"""What dpkg and systemd say about everything that one or several pictures name, each asked once."""

from __future__ import annotations

from . import packages, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .picture import Picture


class Asked:
    """Both are started at once and answer while the files are being read."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self._names = list(dict.fromkeys(unit.name for picture in pictures for unit in picture.units))
        self._dpkg = packages.ask(list(dict.fromkeys(package for picture in pictures for package in picture.packages)))
        self._systemd = units.ask(self._names)
        self._packages: dict[str, str] | None = None
        self._units: dict[str, dict[str, str]] | None = None

    @property
    def packages(self) -> dict[str, str]:
        """Package → its status."""
        if self._packages is None:
            self._packages = packages.states(self._dpkg)
        return self._packages

    @property
    def units(self) -> dict[str, dict[str, str]]:
        """Unit → property → value."""
        if self._units is None:
            self._units = units.states(self._names, self._systemd)
        return self._units
