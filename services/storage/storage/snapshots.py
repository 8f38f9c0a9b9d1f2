"""Snapshots of volumes for a backup: consistent, of bounded size, mounted for reading, and never left behind in silence.

LVM freezes the file system while it makes one (dmsetup suspend, which locks XFS), so what a snapshot shows is what a clean unmount at
that moment would have left. What is written to the volume afterwards costs room in the snapshot; when there is none left, the snapshot
is lost, and the volume goes on.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posthouse import state

from .findings import CRITICAL, FINE, WARNING, finding, moment
from .programs import ENVIRONMENT
from .settings import Settings, Volume

#: By this LVM and we know which volumes are snapshots of ours; nothing without it is ever removed.
TAG = "posthouse_snapshot"
_UNTIL = re.compile(r"posthouse_until_(\d+)")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,40}")
_PREFIX = "posthouse-snapshot-"
#: The same in a name of the kernel's.
MARK = _PREFIX.replace("-", "--")
#: Beside the service's other memory: that a snapshot was begun, and until when it is wanted. Health reads it, and asks LVM nothing.
_NOTE = "snapshot-"
_ALL = 100
_MOUNT = "ro,nouuid,nodev,nosuid,noexec,noatime"
_REMOVE = "storage snapshot remove {name}, or playbooks/snapshot-mailstore.yml with -e remove={name}"

Run = Callable[[Sequence[str]], str]


class SnapshotError(Exception):
    """It cannot be done; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot. used: percent of its room, -1 when it is lost; until: seconds since the epoch, 0 when nobody has said."""

    name: str
    volume: str
    group: str
    logical: str
    size: int
    used: float
    until: float
    path: str
    mounted: bool

    @property
    def lost(self) -> bool:
        """Say whether more was written to the volume than the snapshot has room for."""
        return self.used < 0 or self.used >= _ALL

    def told(self) -> dict[str, Any]:
        """Return it for programs."""
        said = {one: getattr(self, one) for one in ("name", "volume", "size", "used", "until", "path", "mounted")}
        return {**said, "lost": self.lost}


def run(words: Sequence[str]) -> str:
    """Run one command of LVM's or mount's and return its output. Raises SnapshotError with its words.

    In a session of its own: who ends the playbook must not end LVM while the file system stands still.
    """
    found = subprocess.run(words, check=False, capture_output=True, text=True, start_new_session=True, env=ENVIRONMENT)
    if found.returncode:
        raise SnapshotError(f"{words[0]} failed: {found.stderr.strip().rstrip('.') or found.returncode}")
    return found.stdout


def listed(settings: Settings, execute: Run = run) -> list[Snapshot]:
    """Return the snapshots there are, also those of which only a part was made."""
    fields = "lv_name,vg_name,origin,lv_size,snap_percent,lv_snapshot_invalid,lv_tags"
    said = json.loads(execute(["lvs", "--reportformat=json", "--units=b", "--nosuffix", "-o", fields, f"@{TAG}"]))
    return [_snapshot(settings, one) for one in said["report"][0]["lv"] if one["lv_name"].startswith(_PREFIX)]


def _snapshot(settings: Settings, one: dict[str, str]) -> Snapshot:
    name = one["lv_name"].removeprefix(_PREFIX)
    until = _UNTIL.search(one["lv_tags"])
    lost = one["lv_snapshot_invalid"] not in ("", "0")
    path = Path(settings.snapshots, name)
    return Snapshot(
        name=name,
        volume=one["origin"],
        group=one["vg_name"],
        logical=one["lv_name"],
        size=int(one["lv_size"]),
        used=-1.0 if lost or not one["origin"] else float(one["snap_percent"] or 0),
        until=float(until[1]) if until else 0.0,
        path=str(path),
        mounted=path.is_mount(),
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """A snapshot that somebody wants. size: bytes, 0 for the settings' share of the volume."""

    name: str
    volume: Volume
    size: int = 0
    hours: float = 12.0


def extent_of(volume: Volume, execute: Run = run) -> int:
    """Return how large a volume is, in bytes. Raises SnapshotError."""
    return int(_shown(volume, "lv_size", execute)["lv_size"])


def _shown(volume: Volume, fields: str, execute: Run) -> dict[str, str]:
    words = ["lvs", "--reportformat=json", "--units=b", "--nosuffix", "-o", fields, f"{volume.group}/{volume.name}"]
    (one,) = json.loads(execute(words))["report"][0]["lv"]
    return {str(name): str(value) for name, value in one.items()}


def plan(settings: Settings, wish: Wish, execute: Run = run) -> int:
    """Return how many bytes the snapshot gets. Raises SnapshotError when it cannot be made."""
    _named(wish.name)
    if any(one.name == wish.name for one in listed(settings, execute)):
        raise SnapshotError(f"there is a snapshot {wish.name}; {_REMOVE.format(name=wish.name)} takes it away")
    one = _shown(wish.volume, "vg_free,vg_extent_size,lv_size,lv_active", execute)
    if one["lv_active"] != "active":
        raise SnapshotError(f"{wish.volume.name} is not active here, so nothing of it can be shown")
    extent, free = int(one["vg_extent_size"]), int(one["vg_free"])
    wanted = wish.size or int(one["lv_size"]) * settings.snapshot_percent // 100
    # Beyond that it could take in every block of the volume, and room would be wasted.
    size = -(-min(wanted, int(one["lv_size"]) + 2 * extent) // extent) * extent
    if size > free:
        raise SnapshotError(
            f"group {wish.volume.group} has {free >> 20} MiB free and the snapshot wants {size >> 20}; say --size, or leave more of it"
            " to snapshots (docs/shelf.md)"
        )
    return size


def create(settings: Settings, wish: Wish, execute: Run = run) -> Snapshot:
    """Make a snapshot and mount it. What was made is taken away again when the rest fails. Raises SnapshotError."""
    size = plan(settings, wish, execute)
    logical, path = _PREFIX + wish.name, Path(settings.snapshots, wish.name)
    until = int(time.time() + wish.hours * 3600)
    words = ["lvcreate", "--yes", "--quiet", "--snapshot", "--name", logical, "--size", f"{size}b", "--monitor", "n"]
    words += ["--addtag", TAG, "--addtag", f"posthouse_until_{until}", f"{wish.volume.group}/{wish.volume.name}"]
    state.write(_note(settings, wish.name), {"until": until})
    try:
        execute(words)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.mkdir(exist_ok=True, mode=0o700)
        # The kernel ends what was under way (files that were deleted while open) in the snapshot, never in the volume.
        execute(["mount", "-t", "xfs", "-o", _MOUNT, f"/dev/{wish.volume.group}/{logical}", str(path)])
    except BaseException:
        remove(settings, wish.name, execute)
        raise
    return next(one for one in listed(settings, execute) if one.name == wish.name)


def remove(settings: Settings, name: str, execute: Run = run) -> bool:
    """Take a snapshot away; return whether there was one. Raises SnapshotError, e.g. while somebody reads it."""
    # It becomes a path, and what is mounted at another one is nobody's snapshot.
    _named(name)
    found = next((one for one in listed(settings, execute) if one.name == name), None)
    path = Path(settings.snapshots, name)
    if path.is_mount():
        try:
            execute(["umount", str(path)])
        except SnapshotError as fault:
            raise SnapshotError(
                f"snapshot {name} stays: {fault}; it is used by {', '.join(users(path)) or 'nobody who can be seen'}"
            ) from fault
    if path.is_dir():
        path.rmdir()
    if found:
        execute(["lvremove", "--yes", "--quiet", f"{found.group}/{found.logical}"])
    _note(settings, name).unlink(missing_ok=True)
    return found is not None


def users(path: Path, processes: Path = Path("/proc")) -> list[str]:
    """Return who has files below a path open or stands there: name and number of processes."""
    found = []
    for process in sorted(processes.glob("[0-9]*")):
        try:
            held = [process / "cwd", *(process / "fd").iterdir()]
            if any(str(link.readlink()).startswith(str(path)) for link in held):
                found.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
        except OSError:  # It is gone, or a thread of the kernel's.
            continue
    return found


def _named(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise SnapshotError(f"{name!r} cannot be a snapshot's name: small letters, digits and _ . - only, 41 at most")


def left(settings: Settings, execute: Run = run) -> list[str]:
    """Return the names of all snapshots, and of what was begun and is not there."""
    return sorted({*(one.name for one in listed(settings, execute)), *begun(settings)})


def begun(settings: Settings) -> list[str]:
    """Return the names of snapshots that were begun and not taken away, as far as this was written down."""
    return [file.stem.removeprefix(_NOTE) for file in Path(settings.state).glob(f"{_NOTE}*.json")]


def _note(settings: Settings, name: str) -> Path:
    return Path(settings.state, f"{_NOTE}{name}.json")


def findings(settings: Settings, now: float, execute: Run = run) -> list[dict[str, Any]]:
    """Say of each snapshot how full it is and whether it should be gone, by what the kernel knows: no disk is read for it."""
    try:
        said = execute(["dmsetup", "status", "--target", "snapshot"])
    except (SnapshotError, OSError) as fault:
        return [finding("snapshots", WARNING, f"nobody can say whether there are snapshots: {fault}", "dmsetup status --target snapshot")]
    there = dict(filter(None, map(_kernels, said.splitlines())))
    until = {name: float(state.read(_note(settings, name)).get("until", 0)) for name in begun(settings)}
    return [_judged(name, there.get(name), until.get(name, 0.0), settings, now) for name in sorted(there.keys() | until.keys())]


def _kernels(line: str) -> tuple[str, int] | None:
    """Return name and fullness (percent; 100 when it is lost) of a snapshot, from a line of dmsetup's."""
    mapped, _, said = line.partition(": ")
    _, mark, name = mapped.replace("--", "-").partition(_PREFIX)
    fields = said.split()
    if not mark or len(fields) < 4 or fields[2] != "snapshot":
        return None
    taken, slash, room = fields[3].partition("/")
    return name, int(taken) * 100 // int(room) if slash else 100


def _judged(name: str, full: int | None, until: float, settings: Settings, now: float) -> dict[str, Any]:
    about, remedy = f"snapshot {name}", _REMOVE.format(name=name)
    if full is None:
        return finding(about, WARNING, f"snapshot {name} was begun and is not whole; what interrupted it also left it behind", remedy)
    if full >= _ALL:
        says = f"snapshot {name} is lost: more was written to its volume than it has room for; the volume itself is well"
        return finding(about, CRITICAL, says, f"what was read from it is no backup; {remedy}")
    if until < now:
        when = f"by {moment(until)}" if until else "long ago"
        return finding(about, WARNING, f"snapshot {name} should have been taken away {when}; it is {full} % full", remedy)
    level = WARNING if full >= settings.full_percent[0] else FINE
    return finding(
        about, level, f"snapshot {name} is {full} % full; it is kept until {moment(until)}", f"be quick, or {remedy}", percent=full
    )
