"""What is compared: where a Maildir lies, how its file system was made, and how it is mounted."""

from __future__ import annotations

from dataclasses import dataclass

LOCAL, SYNCED, UNSYNCED = "local", "synced", "unsynced"
XFS, EXT4 = "xfs", "ext4"


@dataclass(frozen=True)
class Case:
    """One file system. disk: the machine's own, or the LUN of a shelf that syncs its writes or does not."""

    name: str
    disk: str
    kind: str = XFS
    make: tuple[str, ...] = ()
    mount: tuple[str, ...] = ()

    def commands(self, device: str, place: str) -> str:
        """Return the shell's lines that make and mount it anew. What was there is forgotten."""
        force = "-qf" if self.kind == XFS else "-qF"
        options = ",".join(("noatime", *self.mount))
        return f"mkfs.{self.kind} {' '.join((force, *self.make))} {device} && mount -t {self.kind} -o {options} {device} {place}"


BASE = Case("the machine's own disk, ext4", LOCAL, EXT4)
OURS = Case("AoE, LVM, XFS", SYNCED)
UNSAFE = Case("the same, shelf without syncs", UNSYNCED)
#: Against what mkfs.xfs(8) and mount(8) do by themselves; the role's documentation says what came of it.
OPTIONS = (
    Case("ext4 in place of XFS", SYNCED, EXT4),
    Case("relatime", SYNCED, mount=("relatime",)),
    Case("logbsize=256k", SYNCED, mount=("logbsize=256k",)),
    Case("wsync", SYNCED, mount=("wsync",)),
    Case("discard", SYNCED, mount=("discard",)),
    Case("inodes of 1 kB", SYNCED, make=("-i", "size=1024")),
    Case("directory blocks of 16 kB", SYNCED, make=("-n", "size=16384")),
    Case("one allocation group", SYNCED, make=("-d", "agcount=1")),
    Case("sixteen allocation groups", SYNCED, make=("-d", "agcount=16")),
    Case("no reflink, no rmapbt", SYNCED, make=("-m", "reflink=0,rmapbt=0")),
)
PARTS = {"disks": (BASE, OURS, UNSAFE), "options": (OURS, *OPTIONS)}
