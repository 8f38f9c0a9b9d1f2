"""The lab's backup machine as this bench uses it."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.backup.letters import letters
from bench.mail.cluster import FIRST_UID, HOMES, STEM, BenchError, Cluster
from frontdoor import paths

HOME = "/srv/backup"
#: Maildir's W= counts two bytes for each.
LINE_END = b"\n"
SCRATCH = f"{HOME}/scratch/bench"


class Backup:
    """The backup machine of the lab."""

    def __init__(self, cluster: Cluster) -> None:
        """Find it in the inventory."""
        self.cluster = cluster
        machines = cluster.site.machines("backup")
        if not machines:
            raise BenchError("the inventory has no backup machine")
        self.machine = machines[0]
        self.count = f"find {HOME}/people/{STEM}[0-9]*/copies -path '*/new/*' -type f 2>/dev/null | wc -l"

    def run(self, command: str, stdin: str = "", seconds: float = 900) -> str:
        """Run a shell's line there as root. Raises BenchError."""
        return self.cluster.run(self.machine, command, stdin, seconds)

    def copies(self) -> int:
        """Count the copies of the bench's people."""
        return int(self.run(self.count))

    def measured(self, words: str) -> tuple[float, float, dict[str, Any]]:
        """Run a command; return its seconds, those of the processor for it and its children, and its JSON if it said any."""
        began = time.monotonic()
        said = self.run(f"bash -c {shlex.quote(words + '; code=$?; times; exit $code')}").splitlines()
        return time.monotonic() - began, seconds_of(said[-1]), json.loads(said[0]) if said[0].startswith("{") else {}

    def forget(self) -> None:
        """Remove what the bench's people have here."""
        self.run(f"rm -rf {HOME}/people/{STEM}[0-9]* {SCRATCH} {HOME}/state/restore-*bench*")


def seconds_of(line: str) -> float:
    """Return the seconds that a line of bash's `times` says: 0m1.234s 0m0.120s, of the program and of the kernel."""
    return sum(60 * float(minutes) + float(seconds) for minutes, seconds in (word.rstrip("s").split("m") for word in line.split()))


@contextmanager
def kept(cluster: Cluster) -> Iterator[Backup]:
    """Yield the backup machine; what the bench left there is gone afterwards."""
    backup = Backup(cluster)
    backup.forget()
    try:
        yield backup
    finally:
        backup.forget()


def fill(cluster: Cluster, people: int, count: int) -> tuple[int, int]:
    """Give each of the bench's people so many letters, in INBOX and a folder, as if they had come long ago. Returns letters and bytes."""
    words = ["ssh", "-F", str(paths.SSH_CONFIG), cluster.store.name, f"tar -C {HOMES} -xf -"]
    total = 0
    with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
        assert process.stdin
        with tarfile.open(fileobj=process.stdin, mode="w|") as archive:
            for person in range(people):
                total += person_of(archive, person, count)
    if process.returncode:
        raise BenchError(f"{cluster.store.name}: the letters could not be put there")
    return people * count, total


def fill_scratch(backup: Backup, place: str, count: int) -> int:
    """Put so many letters into a Maildir of the backup machine's scratch. Returns their bytes."""
    backup.run(f"rm -rf {SCRATCH}; install -d -o posthouse-backup -g posthouse-backup -m 0700 {SCRATCH}")
    words = ["ssh", "-F", str(paths.SSH_CONFIG), backup.machine.name, f"tar -C {SCRATCH} -xf - && mv {SCRATCH}/{STEM}0/Maildir {place}"]
    with subprocess.Popen([*words[:-1], f"{words[-1]} && chown -R posthouse-backup: {SCRATCH}"], stdin=subprocess.PIPE) as process:
        assert process.stdin
        with tarfile.open(fileobj=process.stdin, mode="w|") as archive:
            total = person_of(archive, 0, count)
    if process.returncode:
        raise BenchError(f"{backup.machine.name}: the letters could not be put there")
    return total


def person_of(archive: tarfile.TarFile, person: int, count: int) -> int:
    """Write the home of one person with so many letters. Returns their bytes."""
    total = 0
    folders = ("", ".Archive")
    for name in ("", *(f"/Maildir{'/' if one else ''}{one}{kind}" for one in folders for kind in ("", "/cur", "/new", "/tmp"))):
        _add(archive, person, f"{STEM}{person}{name}", None)
    for number, letter in enumerate(letters(count, person)):
        folder = folders[number % 2]
        flags = "S" if number % 3 else ""
        base = f"{1790000000 + number}.M{number}P{person}.bench,S={len(letter)},W={len(letter) + letter.count(LINE_END)}"
        _add(archive, person, f"{STEM}{person}/Maildir/{folder}{'/' if folder else ''}cur/{base}:2,{flags}", letter)
        total += len(letter)
    return total


def _add(archive: tarfile.TarFile, person: int, name: str, content: bytes | None) -> None:
    entry = tarfile.TarInfo(name)
    entry.uid, entry.gid, entry.mtime = FIRST_UID + person, 100, 1790000000
    entry.type, entry.mode, entry.size = (tarfile.DIRTYPE, 0o700, 0) if content is None else (tarfile.REGTYPE, 0o600, len(content))
    archive.addfile(entry, io.BytesIO(content or b""))
