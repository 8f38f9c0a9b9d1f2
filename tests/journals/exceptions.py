"""Warnings that may stand in a journal, each with its reason. One table; whoever adds a line says why it is no fault of ours."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Excuse:
    """identifier: who says it (SYSLOG_IDENTIFIER), pattern: what, reason: why that is all right."""

    identifier: str
    pattern: str
    reason: str

    def allows(self, identifier: str, message: str) -> bool:
        """Tell whether this line of the table excuses a line of a journal."""
        return re.fullmatch(self.identifier, identifier) is not None and re.search(self.pattern, message) is not None


TABLE: list[Excuse] = []
