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
        # Beside noatime another word about times of access means nothing: mount(8) keeps noatime.
        access = () if "relatime" in self.mount else ("noatime",)
        options = ",".join((*access, *self.mount))
        return f"mkfs.{self.kind} {' '.join((force, *self.make))} {device} && mount -t {self.kind} -o {options} {device} {place}"


#: The lab's own disk answers a flush without one (qemu, cache=unsafe), so its peer is the shelf that does not sync either; what syncs
#: cost is the difference between the two cases of the shelf.
BASE = Case("the machine's own disk, ext4, no syncs", LOCAL, EXT4)
OURS = Case("AoE, LVM, XFS", SYNCED)
UNSAFE = Case("the same, shelf without syncs", UNSYNCED)
#: Against what mkfs.xfs(8) does by itself and noatime. On LUNs of this size it takes two to five allocation groups: it wants a second
#: superblock, and a log of 64 MB in one group.
OPTIONS = (
    Case("the same again, for what is noise", SYNCED),
    Case("ext4 in place of XFS", SYNCED, EXT4),
    Case("relatime", SYNCED, mount=("relatime",)),
    Case("logbsize=256k", SYNCED, mount=("logbsize=256k",)),
    Case("wsync", SYNCED, mount=("wsync",)),
    Case("discard", SYNCED, mount=("discard",)),
    Case("inodes of 1 kB", SYNCED, make=("-i", "size=1024")),
    Case("directory blocks of 16 kB", SYNCED, make=("-n", "size=16384")),
    Case("two allocation groups", SYNCED, make=("-d", "agcount=2")),
    Case("five allocation groups", SYNCED, make=("-d", "agcount=5")),
    Case("no reflink, no rmapbt", SYNCED, make=("-m", "reflink=0,rmapbt=0")),
)
PARTS = {"disks": (BASE, OURS, UNSAFE), "options": (OURS, *OPTIONS)}
