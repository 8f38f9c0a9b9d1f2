"""What the drill rehearses: the mirror's, the restore's and dsync's own ways, each into a scratch area."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .people import Person
from .settings import Settings


class RealWays:
    """As rehearse.Ways, by the code that mirrors and restores."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def refresh(self, person: Person) -> None:
        """Bring the person's mirror up to date."""
        raise NotImplementedError

    def restore(self, person: Person, into: Path, folders: Sequence[str]) -> None:
        """Restore these folders as if they were lost, into a mailbox that is empty."""
        raise NotImplementedError

    def pull(self, person: Person, into: Path, folders: Sequence[str]) -> None:
        """Fetch these folders of the person's mailbox anew."""
        raise NotImplementedError
