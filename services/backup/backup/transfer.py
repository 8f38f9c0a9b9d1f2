"""Move mail between scratch and a mailstore: dsync, by the same ways as the mirrors.

Not by dsync's own TLS: `tcps:` was seen to wait for ever, with both ends idle and no byte between them (2.4.1).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import doveadm
from .pace import Doors
from .settings import Settings

#: Seconds for a large mailbox on a slow way.
PATIENCE = 86400.0
#: Of dsync: done, but something came between; once more.
AGAIN = 2
#: How often it may say so, or stand still.
_TRIES = 3
_PULL = ["backup", "-R", "-f"]


@contextmanager
def way(settings: Settings, store: str) -> Iterator[str]:
    """Open a way to a mailstore, and yield it as dsync writes a destination. Raises DoveadmError: temporary when the store is away."""
    with Doors(settings.tls.ca, settings.store_port) as doors, doors.to(store) as door:
        try:
            yield door.destination
        except doveadm.DoveadmError as fault:
            if door.fault:
                raise doveadm.DoveadmError(f"{store}: {door.fault}", doveadm.TEMPORARY) from fault
            raise


def scripts_in(area: Path) -> list[str]:
    """Return options with which dsync keeps Sieve scripts in an area, and leaves those of the person's backup alone."""
    name = "sieve_script/personal/sieve_script"
    return ["-o", f"{name}_path={area}/sieve", "-o", f"{name}_active_path={area}/active"]


def dsync(settings: Settings, person: str, path: Path, words: Sequence[str], destination: str, options: Sequence[str] = ()) -> None:
    """Run doveadm backup or sync between a Maildir in scratch and another place. Raises DoveadmError."""
    place = doveadm.Place(person, path, tuple(options))
    for _ in range(_TRIES):
        done = doveadm.exit_code(place, [*words, "-T", str(round(settings.mirroring.stall)), destination], patience=PATIENCE)
        if done.returncode == 0:
            return
        if done.returncode != AGAIN and b"Timeout" not in done.stderr:
            raise doveadm.fault_of(done, words)
    raise doveadm.DoveadmError("the mailbox changes faster than it can be moved, or the way stands still; try again", doveadm.TEMPORARY)


def push(settings: Settings, person: str, path: Path, destination: str, options: Sequence[str] = ()) -> None:
    """Give the destination what it lacks. Raises DoveadmError."""
    dsync(settings, person, path, ["sync", "-1", "-f"], destination, options)


def bring_up_to_date(settings: Settings, person: str, live: Path, destination: str, area: Path) -> None:
    """Make a clone of the mirror what the store has; where that does not go, fetch the mailbox anew. Raises DoveadmError."""
    try:
        dsync(settings, person, live, _PULL, destination, scripts_in(area))
    except doveadm.DoveadmError as fault:
        # A mailbox that was made anew has another INBOX, and dsync cannot delete the one that is here.
        if fault.temporary or fault.exit == doveadm.NO_USER:
            raise
        shutil.rmtree(live)
        live.mkdir()
        dsync(settings, person, live, _PULL, destination, scripts_in(area))
