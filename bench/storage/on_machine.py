"""Letters as Dovecot writes them to a Maildir, without Dovecot. Runs on the mailstore, with its bare Python.

Reads one JSON object from the first argument (place, count, length, caches: the file that drops them) and prints one: seconds to write,
to read and to remove.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def write(root: Path, count: int, length: int) -> None:
    """Write count letters: into tmp, synced, renamed into new, which is synced as well (mail_fsync = optimized)."""
    text = b"x" * length
    (root / "tmp").mkdir(parents=True)
    (root / "new").mkdir()
    directory = os.open(root / "new", os.O_RDONLY | os.O_DIRECTORY)
    for number in range(count):
        name = f"{number}.M{number}P1.bench,S={length}"
        letter = os.open(root / "tmp" / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(letter, text)
        os.fdatasync(letter)
        os.close(letter)
        (root / "tmp" / name).rename(root / "new" / name)
        os.fdatasync(directory)
    os.close(directory)


def read(root: Path) -> None:
    """Read every letter, and wait until times of access are on the disk where they are kept."""
    for letter in (root / "new").iterdir():
        letter.read_bytes()
    os.sync()


def remove(root: Path) -> None:
    """Remove every letter, and wait until the disk knows."""
    for folder in (root / "new", root / "tmp"):
        for letter in folder.iterdir():
            letter.unlink()
        folder.rmdir()
    root.rmdir()
    os.sync()


def main() -> None:
    """Measure the three, one after the other."""
    given = json.loads(sys.argv[1])
    root = Path(given["place"]) / "bench-maildir"
    walls = {}
    # What was done before is on the disk: else the first synced letter would take it along.
    os.sync()
    start = time.monotonic()
    write(root, given["count"], given["length"])
    walls["write"] = time.monotonic() - start
    for name, act in (("read", read), ("remove", remove)):
        os.sync()
        # From the disk, not from this machine's memory; the host under disk and shelf may have it in its own.
        Path(given["caches"]).write_text("3\n")
        start = time.monotonic()
        act(root)
        walls[name] = time.monotonic() - start
    print(json.dumps(walls))


if __name__ == "__main__":
    main()
