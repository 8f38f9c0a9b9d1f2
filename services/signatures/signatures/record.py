"""What the service remembers between runs: one JSON file, replaced as a whole."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from posthouse import state


@dataclass
class File:
    """One database, by the name it has in a set.

    source: where it comes from (official, extra or a directory). sha256, signatures: of what is in use, empty and 0 when nothing is.
    since: seconds since 1970 when that came into use. refused: the digest of what is offered and not believed, with the reason why.
    """

    source: str = ""
    sha256: str = ""
    signatures: int = 0
    since: float = 0.0
    refused: str = ""
    reason: str = ""


@dataclass
class Fetching:
    """How fetching goes, by source. succeeded: seconds since 1970; fault: of the last attempt."""

    succeeded: float = 0.0
    fault: str = ""


@dataclass
class Record:
    """Everything. identity: the set in use. since: when it came into use. fault: why there is no newer set, if it ought to exist."""

    identity: str = ""
    since: float = 0.0
    updated: float = 0.0
    fault: str = ""
    files: dict[str, File] = field(default_factory=dict)
    fetching: dict[str, Fetching] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Record:
        """Return what was written; an empty record when there is none or it cannot be understood."""
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            files = {name: File(**one) for name, one in given.pop("files").items()}
            fetching = {name: Fetching(**one) for name, one in given.pop("fetching").items()}
            return cls(files=files, fetching=fetching, **given)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Replace the file."""
        state.write(path, asdict(self))


def now() -> float:
    """Return the time in seconds since 1970; a name of its own so that tests can move it."""
    return time.time()
