"""One run at a time: a lock that the kernel lets go when its holder dies, however it dies."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from frontdoor import paths
from frontdoor.errors import Refused

PATIENCE = 5.0

# An abstract socket (unix(7)): bound by one process of this host at a time, whatever its checkout and cache folder, and
# without a file that could stay behind.
_NAME = "\0posthouse-lab"


@contextmanager
def only_one(command: str) -> Iterator[None]:
    """Hold the lab for one command; a run that was killed leaves no lock behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as lock:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                lock.bind(_NAME)
                break
            except OSError:
                if time.monotonic() > end:
                    raise Refused(f"Another run has the lab: {_holder()}.") from None
                time.sleep(0.2)
        paths.STATE.mkdir(exist_ok=True)
        note = paths.STATE / "holder"
        note.write_text(f"./lab {command}, process {os.getpid()}")
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def _holder() -> str:
    note = paths.STATE / "holder"
    return note.read_text() if note.exists() else "one of another checkout"
