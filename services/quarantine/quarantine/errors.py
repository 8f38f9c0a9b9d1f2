"""What can go wrong, as sentences for people and exit codes for programs."""

from __future__ import annotations

from typing import ClassVar

FINE = 0


class QuarantineError(Exception):
    """Something was not done. The message is a sentence without secrets; code is the command's exit code, word is for programs."""

    code: ClassVar[int] = 1
    word: ClassVar[str] = "failed"


class UsageError(QuarantineError):
    """The request makes no sense: a malformed id, an unknown class, a faulty configuration."""

    code, word = 2, "usage"


class AwayError(QuarantineError):
    """The database or the filter does not answer; try later."""

    code, word = 3, "away"


class UnknownError(QuarantineError):
    """No item has this id."""

    code, word = 4, "unknown"


class NotYoursError(QuarantineError):
    """The item exists and belongs to somebody else."""

    code, word = 5, "not-yours"


class PurgedError(QuarantineError):
    """The item, or its text, is no longer kept."""

    code, word = 6, "purged"


class AlreadyError(QuarantineError):
    """It has been done before: released, delivered, deleted."""

    code, word = 7, "already"


class UncertainError(QuarantineError):
    """A release was cut off: the message may have been delivered or not."""

    code, word = 8, "uncertain"


class BusyError(QuarantineError):
    """Somebody else is doing this at this moment."""

    code, word = 9, "busy"


EXITS = (
    "Exit codes: 0 done; 1 refused or failed; 2 wrong use, malformed id or configuration; 3 database or filter away; 4 no such item; "
    "5 somebody else's item; 6 purged; 7 already released, delivered or deleted; 8 an earlier release was cut off; 9 being released now."
)
