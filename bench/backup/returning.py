"""Letters and megabytes a second that a restore brings back, and what a core carries; the peers are the mirror's way and a bare tar."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

from bench.backup.store import HOME, Backup, fill
from bench.filter.processors import between, read
from bench.mail.cluster import HOMES, STEM, BenchError, Cluster
from bench.mail.report import Row
from frontdoor import paths

CLASSES = {"mailstore": ("mailstore", ["dovecot"]), "backup": ("backup", ["dovecot"])}
LETTERS = "-type f \\( -path '*/cur/*' -o -path '*/new/*' \\)"
#: Of the talk: "10K users, 3.6TB".
TALK = 3.6e12


@dataclass
class Returned:
    """Rows of the table. size: bytes of the letters; cores: seconds of processor time that a restore took on both machines together."""

    rows: list[Row]
    size: int
    cores: float

    @property
    def a_core(self) -> float:
        """Bytes that a core brings back in a second."""
        return self.size / self.cores if self.cores else 0.0


def on_paper(found: Returned) -> str:
    """Say how long the talk's mail would take to come back at the measured rate."""
    if not found.a_core:
        return "no processor time was counted"
    days = {cores: TALK / (found.a_core * cores) / 86400 for cores in (1, 2, 8, 32)}
    said = ", ".join(
        f"{count} cores {value:.1f} days" if value >= 2 else f"{count} cores {24 * value:.0f} hours" for count, value in days.items()
    )
    return f"the talk's 3.6 TB at {found.a_core / 1e6:.1f} MB a second of a core: {said}"


def measure(cluster: Cluster, backup: Backup, people: int, count: int, at_once: int) -> Returned:
    """Fill mailboxes, mirror them, lose them, restore them."""
    letters, size = fill(cluster, people, count)
    names = " ".join(f"{STEM}{number}" for number in range(people))
    mirrored, _, _ = backup.measured(f"backup mirror {' '.join(f'--person {name}' for name in names.split())}")
    had = backup.run(f"find {HOME}/people/{STEM}[0-9]*/mirror {LETTERS} | wc -l")
    if int(had) != letters:
        raise BenchError(f"the mirrors hold {int(had)} of {letters} letters")
    packed = _packed(cluster, backup, names)
    cluster.forget_mail()
    before = read(cluster, CLASSES)
    backup.run(f"install -m 0644 /dev/stdin {HOME}/scratch/bench-only", names.replace(" ", "\n") + "\n")
    words = f"backup restore store --store {cluster.store.fqdn} --only {HOME}/scratch/bench-only --anew --at-once {at_once} --json"
    restored, used, said = backup.measured(words)
    spent = between(before, read(cluster, CLASSES), 1)
    backup.run(f"rm -f {HOME}/scratch/bench-only")
    back = int(cluster.run(cluster.store, f"find {HOMES}/{STEM}[0-9]*/Maildir {LETTERS} | wc -l"))
    if back < letters:
        raise BenchError(f"{back} of {letters} letters came back: {said}")
    cores = used + (spent["mailstore"] + spent["backup"]) / 1000
    remark = f"{size / restored / 1e6:.1f} MB/s; {cores:.1f} s of processor, {size / cores / 1e6:.1f} MB a second of a core"
    row = Row("letters restored", letters, restored, {"mirrored": mirrored, "tar of the same files": packed}, remark)
    return Returned([row], size, cores)


def _packed(cluster: Cluster, backup: Backup, names: str) -> float:
    """Return the seconds of a tar of the mirrors' files to the mailstore's disk: nobody looks at them there, and no list knows them."""
    ssh, aside = ["ssh", "-F", str(paths.SSH_CONFIG)], f"{HOMES}/.posthouse-bench"
    began = time.monotonic()
    with subprocess.Popen([*ssh, backup.machine.name, f"tar -C {HOME}/people -cf - {names}"], stdout=subprocess.PIPE) as source:
        there = f"mkdir -m 700 {aside} && tar -C {aside} -xf -"
        done = subprocess.run([*ssh, cluster.store.name, there], stdin=source.stdout, check=False)
    seconds = time.monotonic() - began
    cluster.run(cluster.store, f"rm -rf {aside}")
    if done.returncode or source.returncode:
        raise BenchError("the peer, a tar through ssh, did not work")
    return seconds
