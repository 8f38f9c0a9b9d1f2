"""Hear at once that something was put into a folder (inotify(7)); Python has no call for it, so libc is asked."""

from __future__ import annotations

import ctypes
import os
import select
from pathlib import Path

_IN_CREATE, _IN_MOVED_TO = 0x100, 0x80
_NOT_HEARD = 1.0


class Watch:
    """Waits for new names in one folder. While it cannot be watched, every wait ends after a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._inode: tuple[int, int] | None = None
        self.renew()

    def renew(self) -> None:
        """See to it that it is the folder of this name that is watched, also when another one is there now."""
        try:
            found = self._folder.stat()
        except OSError:
            self._inode = None
            return
        inode = (found.st_dev, found.st_ino)
        if self._handle >= 0 and inode != self._inode:
            watched = self._libc.inotify_add_watch(self._handle, os.fsencode(self._folder), _IN_CREATE | _IN_MOVED_TO)
            self._inode = inode if watched >= 0 else None

    def wait(self, seconds: float, *others: int) -> None:
        """Return when something new is there, when one of the other descriptors can be read, or after so many seconds."""
        heard = self._inode is not None
        waiting = [*others, *([self._handle] if heard else [])]
        ready, *_ = select.select(waiting, [], [], seconds if heard else min(seconds, _NOT_HEARD))
        if self._handle in ready:
            try:
                os.read(self._handle, 1 << 16)
            except OSError:
                self._inode = None
