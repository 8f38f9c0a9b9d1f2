"""Reads every disk from its beginning to its end, at a bounded pace, so that a bad block is found before its mail is wanted.

AoE carries no checksums and keeps none; what a scrub finds is what a disk can no longer read. The kernel's own caches are passed by.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse import state

from .findings import CRITICAL, FINE, WARNING, finding, known_as, moment
from .settings import Device, Settings

FILE = "scrub.json"
_CHUNK, _BLOCK = 1 << 20, 4096
#: Beyond so many bad places a disk is not a case for details.
_MOST = 100
_SPOKEN = 5
_SAVE = 5.0
_REMEDY = "dd or ddrescue says whether it is lasting; restore the people whose mail lies there, change the disk (docs/shelf.md)"

Read = Callable[[int, int], bool]


@dataclass(slots=True)
class Disk:
    """An open disk, read past the kernel's cache."""

    handle: int
    buffer: mmap.mmap
    size: int

    def read(self, offset: int, length: int) -> bool:
        """Read so many bytes; return whether all of them could be read."""
        with memoryview(self.buffer) as whole, whole[:length] as part:
            try:
                return os.preadv(self.handle, [part], offset) == length
            except OSError:
                return False

    def close(self) -> None:
        """Close it."""
        os.close(self.handle)
        self.buffer.close()


def opened(device: Device) -> Disk:
    """Open a disk. Raises OSError."""
    handle = os.open(device.node, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    return Disk(handle, mmap.mmap(-1, _CHUNK), os.lseek(handle, 0, os.SEEK_END))


def bad_places(read: Read, offset: int, length: int) -> Iterator[tuple[int, int]]:
    """Return where of a stretch that could not be read the bad blocks are: begin and end in bytes, those beside each other as one."""
    if length <= _BLOCK:
        if not read(offset, length):
            yield offset, offset + length
        return
    half = length // 2 // _BLOCK * _BLOCK
    begin = end = -1
    for first, size in ((offset, half), (offset + half, length - half)):
        for low, high in [] if read(first, size) else bad_places(read, first, size):
            if low != end and end >= 0:
                yield begin, end
            begin, end = (begin if low == end else low), high
    if end >= 0:
        yield begin, end


def scrub(
    settings: Settings,
    tell: Callable[[str], None],
    stopping: Callable[[], bool] = lambda: False,
    open_disk: Callable[[Device], Disk] = opened,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Read every disk on, from where the last time ended. Return whether all could be read whole.

    tell: hears how far it is. stopping: says that the rest is for the next time.
    """
    file = Path(settings.state, FILE)
    known = {name: one for name, one in state.read(file).items() if name in {device.name for device in settings.devices}}
    whole = True
    for device in settings.devices:
        one = known.setdefault(device.name, {"position": 0, "bad": [], "known": [], "ended": 0.0, "began": 0.0})
        one["fault"] = ""
        try:
            disk = open_disk(device)
        except OSError as fault:
            one["fault"] = fault.strerror or str(fault)
            state.write(file, known)
            tell(f"{known_as(device)} cannot be opened: {one['fault']}")
            whole = False
            continue
        try:
            _one(settings, device, disk, one, lambda: state.write(file, known), tell, stopping, sleep)
        finally:
            disk.close()
        whole = whole and not one["bad"] and not one["known"]
        if stopping():
            break
    return whole


def _one(
    settings: Settings,
    device: Device,
    disk: Disk,
    one: dict[str, Any],
    save: Callable[[], None],
    tell: Callable[[str], None],
    stopping: Callable[[], bool],
    sleep: Callable[[float], None],
) -> None:
    position = one["position"] if 0 < one["position"] < disk.size else 0
    if not position:
        one["began"], one["bad"] = time.time(), []
    begin = saved = due = time.monotonic()
    while position < disk.size and not stopping():
        # Never faster to make up for time lost: a disk that was slow or away is so because others want it.
        due = max(due, time.monotonic())
        length = min(_CHUNK, disk.size - position)
        if not disk.read(position, length):
            # A disk of which hardly anything can be read is not looked at in detail.
            detailed = len(one["bad"]) < _MOST
            for begin_bad, end_bad in bad_places(disk.read, position, length) if detailed else [(position, position + length)]:
                tell(f"{known_as(device)}: what is at bytes {begin_bad} to {end_bad} cannot be read")
                _add(one["bad"], begin_bad, end_bad)
            save()
        position = one["position"] = position + length
        now = time.monotonic()
        due += length / settings.scrub_rate if settings.scrub_rate else 0
        if now - saved > _SAVE:
            saved = now
            save()
            tell(f"{known_as(device)}: {position * 100 // disk.size} % of {disk.size >> 20} MiB after {now - begin:.0f} s")
        if due > now:
            sleep(due - now)
    if position >= disk.size:
        one.update(position=0, ended=time.time(), known=one["bad"], bad=[])
        tell(f"{known_as(device)}: read whole, {disk.size >> 20} MiB, {len(one['known'])} bad places")
    save()


def _add(bad: list[list[int]], begin: int, end: int) -> None:
    if bad and bad[-1][1] == begin:
        bad[-1][1] = end
    elif len(bad) < _MOST:
        bad.append([begin, end])


def findings(settings: Settings, now: float, installed: float) -> list[dict[str, Any]]:
    """Say of each disk when it was last read whole, and what could not be read. installed: since when there was time to."""
    known = state.read(Path(settings.state, FILE))
    return [_finding(device, known.get(device.name, {}), settings, now, installed) for device in settings.devices]


def _finding(device: Device, one: dict[str, Any], settings: Settings, now: float, installed: float) -> dict[str, Any]:
    about = f"scrub {device.name}"
    bad = sorted({(begin, end) for begin, end in [*one.get("known", []), *one.get("bad", [])]})
    if bad:
        first = ", ".join(f"{begin} to {end}" for begin, end in bad[:_SPOKEN]) + (", …" if len(bad) > _SPOKEN else "")
        says = f"{known_as(device)} has {len(bad)} {'places' if len(bad) > 1 else 'place'} that cannot be read, at bytes {first}"
        return finding(about, CRITICAL, says, _REMEDY, places=len(bad))
    ended = one.get("ended", 0.0)
    remedy = "systemctl start posthouse-storage-scrub; journalctl -u posthouse-storage-scrub -e"
    if one.get("fault"):
        return finding(about, WARNING, f"{known_as(device)} could not be read for its scrub: {one['fault']}", remedy)
    if now - (ended or installed) > settings.scrub_days * 86400:
        when = f"since {moment(ended)}" if ended else "yet"
        return finding(about, WARNING, f"{known_as(device)} has not been read whole {when}", remedy)
    return finding(about, FINE, f"{known_as(device)} was last read whole {moment(ended)}" if ended else f"{known_as(device)} is new")
