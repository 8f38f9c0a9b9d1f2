"""Log lines as the journal understands them."""

from __future__ import annotations

import logging
import os

#: Between INFO and WARNING: nothing is wrong, and somebody wants to know.
NOTICE = 25
#: syslog's numbers, from the gravest level on (sd-daemon(3)).
_NUMBERS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (NOTICE, 5), (logging.INFO, 6))


class JournalFormatter(logging.Formatter):
    """Puts the level before the line, where systemd reads it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        number = next((number for level, number in _NUMBERS if record.levelno >= level), 7)
        return f"<{number}>{super().format(record)}"


def log_to_the_journal(level: int = logging.INFO) -> None:
    """Log to standard error; levels are written when systemd reads it, and not for a person at a terminal."""
    handler = logging.StreamHandler()
    handler.setFormatter(JournalFormatter() if "JOURNAL_STREAM" in os.environ else None)
    logging.basicConfig(level=level, handlers=[handler])
