"""What there is: disks and what they carry, groups, volumes, file systems, mount points."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

#: A volume that was made and not yet formatted has this tag; LVM writes it with the volume, in one step.
FRESH = "posthouse_fresh"


@dataclass(frozen=True, slots=True)
class Signature:
    """What wipefs finds: a file system, a table of partitions, a part of something."""

    kind: str
    uuid: str = ""
    label: str = ""
    offset: str = ""

    def __str__(self) -> str:
        name = f" {self.label!r}" if self.label else ""
        return f"{self.kind}{name}" + (f" {self.uuid}" if self.uuid else "")


@dataclass(frozen=True, slots=True)
class Content:
    """What is on a disk or a volume. dirty: a byte that was looked at is not zero; head: digest of those bytes.

    deep: one beyond the first mebibyte is not.
    """

    signatures: tuple[Signature, ...] = ()
    dirty: bool = False
    head: str = ""
    deep: bool = False

    @property
    def empty(self) -> bool:
        """Whether there is nothing."""
        return not self.signatures and not self.dirty

    def __str__(self) -> str:
        return ", ".join(map(str, self.signatures)) or ("data of an unknown kind" if self.dirty else "nothing")


@dataclass(frozen=True, slots=True)
class Disk:
    """A device of the inventory. real: the node behind links. identity: what tells it from another of that name."""

    node: str
    real: str
    size: int
    identity: str
    content: Content = Content()
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A physical volume of LVM. real: its node. group: empty for one that is of none. used: marked as belonging to some group.

    head: bytes before the first extent.
    """

    real: str
    uuid: str
    group: str
    size: int
    used: bool = True
    head: int = 1 << 20


@dataclass(frozen=True, slots=True)
class SeenGroup:
    """A volume group. owner: the system id; missing: how many parts are not there."""

    name: str
    uuid: str
    owner: str
    size: int
    free: int
    extent: int
    missing: int = 0
    exported: bool = False
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenVolume:
    """A logical volume. snapshots: names of those that hang on it. built: whether its XFS is whole; data: bytes of that."""

    group: str
    name: str
    size: int
    active: bool
    fresh: bool = False
    snapshots: tuple[str, ...] = ()
    content: Content | None = None
    built: bool = False
    data: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """A mount point. source: the node mounted there, or empty. hidden: files in it that a mount would hide. ready: nobody writes there."""

    path: str
    exists: bool = False
    source: str = ""
    hidden: tuple[str, ...] = ()
    ready: bool = False


@dataclass(slots=True)
class Seen:
    """All of it. units: unit to whether it runs. made: what this machine made once, group or group/volume to its id."""

    disks: dict[str, Disk] = field(default_factory=dict)
    groups: list[SeenGroup] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    volumes: dict[tuple[str, str], SeenVolume] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    units: dict[str, bool] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)


def consent(disk: Disk, aoe: str, group: SeenGroup | None) -> str:
    """Return the word that allows to destroy what a disk carries now: it fits no other disk, and nothing else on this one.

    Signatures alone would not do: every table of partitions has the same one, and no id (wipefs names that of file systems only).
    """
    marks = [[one.kind, one.uuid, one.label, one.offset] for one in disk.content.signatures]
    what = [disk.identity, disk.size, marks, [group.name, group.uuid, group.owner] if group else [], disk.content.head]
    digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]
    return f"{aoe or disk.node.rpartition('/')[2]}-{digest}"
