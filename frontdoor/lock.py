"""One run at a time: a lock that the kernel lets go when its holder dies, however it dies."""

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from frontdoor import paths
from frontdoor.errors import Refused

PATIENCE = 5.0


@contextmanager
def only_one(command: str) -> Iterator[None]:
    """Hold the lab for one command (flock(2)); a run that was killed leaves no lock behind."""
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with (paths.CACHE / "lock").open("a+") as file:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    file.seek(0)
                    raise Refused(f"Another run has the lab: {file.read().strip() or 'unknown'}.") from None
                time.sleep(0.2)
        file.truncate(0)
        file.write(f"./lab {command}, process {os.getpid()}, of {paths.CHECKOUT}\n")
        file.flush()
        # Programs that outlive us (podman's monitors, ssh's masters) must not inherit the lock.
        os.set_inheritable(file.fileno(), False)
        try:
            yield
        finally:
            file.truncate(0)
            sys.stdout.flush()
