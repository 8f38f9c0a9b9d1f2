"""Files of LUNs: made once, grown, never shrunk and never made a second time."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from posthouse import disk

from .settings import Lun, Settings, in_bytes


class RefusedError(Exception):
    """A LUN cannot be exported as it is; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done to a LUN's file."""

    lun: Lun
    #: Bytes before, None when there is no file yet.
    before: int | None
    after: int

    def __str__(self) -> str:
        """Say it to the operator."""
        if self.before is None:
            return f"LUN {self.lun.address}: {self.lun.path} is made, {self.after} bytes"
        return f"LUN {self.lun.address}: {self.lun.path} grows from {self.before} to {self.after} bytes"


def plan(settings: Settings) -> list[Step]:
    """Decide what is to be done. Raises RefusedError, and then nothing has been done to any."""
    _each_its_own(settings.luns)
    steps = [_step(settings, lun) for lun in settings.luns]
    return [step for step in steps if step]


def _each_its_own(luns: list[Lun]) -> None:
    """Names differ where disks do not: a link, a second slash, a disk by its id and by its path."""
    seen: dict[tuple[int, ...], Lun] = {}
    for lun in luns:
        try:
            kind = Path(lun.path).stat()
        except OSError:
            continue  # told by whoever needs it
        other = seen.setdefault((kind.st_rdev,) if stat.S_ISBLK(kind.st_mode) else (kind.st_dev, kind.st_ino), lun)
        if other is not lun:
            raise RefusedError(
                f"LUN {lun.address}: {lun.path} is the disk of LUN {other.address}, {other.path}; what one machine writes another would"
                " overwrite: give each its own"
            )


def _step(settings: Settings, lun: Lun) -> Step | None:
    path = Path(lun.path)
    try:
        kind = path.stat()
    except FileNotFoundError:
        kind = None
    if lun.device:
        _usable(lun, kind)
        return None
    size = in_bytes(lun.size)
    if kind is None:
        if marker(settings, lun).exists():
            raise RefusedError(
                f"LUN {lun.address}: {path} was there before and is away; is its disk mounted? To who uses it, an empty one in"
                f" its place would be a lost disk. If it is to be made anew: rm {marker(settings, lun)}"
            )
        return Step(lun, None, size)
    if not stat.S_ISREG(kind.st_mode):
        raise RefusedError(f"LUN {lun.address}: {path} is neither a file nor below /dev, so it cannot be exported")
    return Step(lun, kind.st_size, size) if kind.st_size < size else None


def _usable(lun: Lun, kind: os.stat_result | None) -> None:
    if kind is None:
        raise RefusedError(f"LUN {lun.address}: there is no {lun.path}; is the disk in, is the volume active?")
    if not stat.S_ISBLK(kind.st_mode):
        raise RefusedError(f"LUN {lun.address}: {lun.path} is no disk and no volume")
    try:
        # The kernel gives it to nobody who wants it alone while it is mounted or part of a volume group or RAID (open(2)).
        os.close(os.open(lun.path, os.O_RDONLY | os.O_EXCL))
    except OSError as fault:
        raise RefusedError(f"LUN {lun.address}: {lun.path} cannot be exported: {fault.strerror}; is it mounted or in use here?") from fault


def handed_over(settings: Settings, meant: Collection[str] = ()) -> list[str]:
    """Say of each LUN that would be taken from one card and given to another what that means.

    Whoever has it may still write, and an inventory that is older than a failover looks exactly like this. meant: addresses of LUNs that
    are to change hands.
    """
    known = [lun.address for lun in settings.luns]
    found = [f"LUN {one} is to be handed over, and this shelf has none of that address" for one in meant if one not in known]
    for lun in (lun for lun in settings.luns if lun.address not in meant):
        before, after = set(_cards(settings, lun)), set(lun.cards)
        if before - after and after - before:
            whom = f"{', '.join(sorted(before))} and would be given to {', '.join(sorted(after))}"
            found.append(
                f"LUN {lun.address} is exported to {whom}. Is a standby running that this inventory knows nothing of?"
                " playbooks/failover-mailstore.yml hands LUNs over; for a card that was replaced, while its machine is off:"
                f" -e shelf_hands_over={lun.address}"
            )
    return found


def _cards(settings: Settings, lun: Lun) -> list[str]:
    try:
        return marker(settings, lun).read_text().split()
    except FileNotFoundError:
        return []


def marker(settings: Settings, lun: Lun) -> Path:
    """Return the file that says that a LUN has once been there, and to which cards it was exported last."""
    return Path(settings.state, f"{lun.address}.made")


def make(settings: Settings, steps: list[Step]) -> None:
    """Do what was decided, and give every file to who exports it. Raises RefusedError."""
    for step in steps:
        path = Path(step.lun.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if step.before is None else 0), 0o600)
            try:
                if os.fstat(handle).st_size < step.after:
                    os.ftruncate(handle, step.after)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as fault:
            raise RefusedError(f"{step}: {fault.strerror}; is there room, and does the file system take files of that size?") from fault
    owner = pwd.getpwnam(settings.owner)
    for lun in settings.luns:
        if not lun.device:
            found = Path(lun.path).stat()
            if (found.st_uid, found.st_gid) != (owner.pw_uid, owner.pw_gid):
                os.chown(lun.path, owner.pw_uid, owner.pw_gid)
        _remember(marker(settings, lun), "".join(f"{card}\n" for card in lun.cards))


def _remember(file: Path, text: str) -> None:
    """Write past a loss of power: an empty file would say that nobody has the LUN, and let anybody take it."""
    if not file.exists() or file.read_text() != text:
        disk.replace(file, text.encode())
