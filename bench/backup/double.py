"""Deliveries a second with double delivery and without, in turns: the peer is a second Dovecot on the mailstore that notes no copies.

Both deliver into the same mailboxes. While ours delivers, the mailstore's service and Postfix send the copies and the backup machine
stores them, all on the same processors; the next round begins when the last copy is stored. A second peer notes copies and sends none
before the last delivery: what delivering itself pays for them.
"""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from statistics import median

from bench.backup.store import Backup
from bench.filter.processors import between, read
from bench.mail.cluster import BenchError, Cluster
from bench.mail.delivery import OURS, deliver, other
from bench.mail.report import Row

WITHOUT = "protocol lmtp {\n  mail_plugins {\n    push_notification = no\n    push_notification_lua = no\n  }\n}\n"
#: Whose processor time a delivery takes; what the backup machine does is on a machine of its own elsewhere.
CLASSES = {
    "delivery": ("mailstore", ["dovecot"]),
    "service copies": ("mailstore", ["posthouse-copies"]),
    "Postfix, copies": ("mailstore", ["postfix@copies"]),
    "backup machine": ("backup", ["postfix", "dovecot"]),
}


@dataclass
class Doubled:
    """Rows of the table, and milliseconds of processor time a delivery by class. stored: seconds until the last copy was stored."""

    rows: list[Row]
    processors: dict[str, float]
    stored: list[float] = field(default_factory=list)


def measure(cluster: Cluster, backup: Backup, count: int, rounds: int) -> Doubled:
    """Deliver count messages each way, in turns. The medians of rounds; processor time is of the last round."""
    walls: dict[str, list[float]] = {"with": [], "without": [], "later": []}
    found = Doubled([], {})
    with other(cluster, WITHOUT) as bare:
        for socket in (bare, OURS):
            deliver(cluster, socket, count)  # makes the homes, and wakes everybody up
        _stored(cluster, backup, count)
        for _ in range(rounds):
            walls["without"].append(deliver(cluster, bare, count))
            walls["later"].append(_noted(cluster, backup, count))
            before, began, had = read(cluster, CLASSES), time.monotonic(), backup.copies()
            walls["with"].append(deliver(cluster, OURS, count))
            _stored(cluster, backup, had + count)
            found.stored.append(time.monotonic() - began)
            found.processors = between(before, read(cluster, CLASSES), count)
    remark = f"all copies stored {median(found.stored):.1f} s after the first delivery"
    peers = {"without": median(walls["without"]), "copies sent later": median(walls["later"])}
    found.rows = [Row("deliveries with copies", count, median(walls["with"]), peers, remark)]
    return found


def _noted(cluster: Cluster, backup: Backup, count: int) -> float:
    """Deliver while nobody sends copies; return the seconds when all of them are stored."""
    had = backup.copies()
    cluster.run(cluster.store, "systemctl stop posthouse-copies.service")
    try:
        seconds = deliver(cluster, OURS, count)
    finally:
        cluster.run(cluster.store, "systemctl start posthouse-copies.service")
    _stored(cluster, backup, had + count)
    return seconds


def _stored(cluster: Cluster, backup: Backup, wanted: int, seconds: float = 300) -> None:
    """Wait until so many copies are stored. One loop on the backup machine: a process a look would be measured too."""
    loop = shlex.quote(f"until [ $({backup.count}) -ge {wanted} ]; do sleep 0.2; done")
    try:
        cluster.run(backup.machine, f"timeout {seconds:.0f} sh -c {loop}", seconds=seconds + 20)
    except BenchError:
        raise BenchError(f"{backup.copies()} of {wanted} copies were stored within {seconds:.0f} s") from None
