"""Room that a stored gigabyte takes, by format, and how fast each is written and read: the same letters, put there by dsync.

Each is a Dovecot storage format that Debian packages; what the role chose is among them.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass

from bench.backup.store import SCRATCH, Backup, fill_scratch

#: Name to Dovecot's driver and to the settings of compression.
FORMATS = {
    "Maildir, plain": ("maildir", []),
    "Maildir, zstd 1": ("maildir", ["mail_compress_write_method=zstd", "compress_zstd_level=1"]),
    "Maildir, zstd 3": ("maildir", ["mail_compress_write_method=zstd", "compress_zstd_level=3"]),
    "Maildir, zstd 9": ("maildir", ["mail_compress_write_method=zstd", "compress_zstd_level=9"]),
    "mdbox, plain": ("mdbox", []),
    "mdbox, zstd 3": ("mdbox", ["mail_compress_write_method=zstd", "compress_zstd_level=3"]),
}
PERSON = "bench0"


@dataclass(frozen=True)
class Format:
    """One format. room: bytes of the disk; files: how many it made; written, read: seconds."""

    name: str
    room: int
    files: int
    written: float
    read: float


def measure(backup: Backup, count: int) -> tuple[int, list[Format]]:
    """Store count letters in each format and read them all again. Returns the bytes of the letters, and what each took."""
    plain = f"{SCRATCH}/letters"
    size = fill_scratch(backup, plain, count)
    return size, [_format(backup, plain, name, driver, settings) for name, (driver, settings) in FORMATS.items()]


def _format(backup: Backup, plain: str, name: str, driver: str, settings: list[str]) -> Format:
    place = f"{SCRATCH}/{driver}-{len(name)}-{name[-1]}"
    # Nothing else of the role's plugins: what is measured is the format.
    none = ["mail_compress_write_method=", "lazy_expunge_mailbox="]

    def command(words: str, driver: str, path: str, more: list[str]) -> str:
        options = " ".join(f"-o {shlex.quote(one)}" for one in [f"mail_driver={driver}", f"mail_path={path}", *none, *more])
        return f"doveadm {options} {words}"

    # By a process of its own on the other side: two Maildirs within one would share files.
    other = command(f"dsync-server -u {PERSON}", "maildir", plain, [])
    began = time.monotonic()
    _as_keeper(backup, command(f"backup -R -u {PERSON} {other}", driver, place, settings))
    written = time.monotonic() - began
    began = time.monotonic()
    _as_keeper(backup, command(f"fetch -u {PERSON} text all", driver, place, settings) + " >/dev/null")
    read = time.monotonic() - began
    room, files = backup.run(f"sync; du -s -B1 {place} | cut -f1; find {place} -type f | wc -l").split()
    return Format(name, int(room), int(files), written, read)


def _as_keeper(backup: Backup, command: str) -> None:
    backup.run(f"setpriv --reuid=posthouse-backup --regid=posthouse-backup --init-groups sh -c {shlex.quote(command)}")


def as_table(size: int, found: list[Format]) -> str:
    """Write a table: room for a gigabyte of letters, and megabytes of letters a second."""
    lines = [f"{'format':18} {'GB a GB':>8} {'files':>8} {'written, MB/s':>14} {'read, MB/s':>12}"]
    for one in found:
        rates = f"{size / one.written / 1e6:14.1f} {size / one.read / 1e6:12.1f}"
        lines.append(f"{one.name:18} {one.room / size:8.2f} {one.files:8} {rates}")
    return "\n".join(lines)
