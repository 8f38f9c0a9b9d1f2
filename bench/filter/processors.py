"""Whose processor time a message takes: systemd counts it for each unit, the kernel for all of them together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.mail.cluster import Cluster
from frontdoor.landscape import Machine

#: Class, group of its machine, units. The classes are the reader's: what a site can give more or less of.
CLASSES = {
    "Postfix, three stages": ("exchanger", ["postfix@outside", "postfix@fixup", "postfix@inside"]),
    "amavis with SpamAssassin": ("content_filter", ["amavis"]),
    "clamd": ("content_filter", ["clamav-daemon"]),
    "resolver": ("content_filter", ["named"]),
    "database": ("quarantine", ["mariadb"]),
    "mailstore": ("mailstore", ["postfix@-", "dovecot"]),
    "directory": ("directory_provider", ["slapd"]),
}


@dataclass(frozen=True)
class Reading:
    """Seconds of processor time so far: by class, and of the whole computer that all of the lab runs on."""

    classes: Mapping[str, float]
    computer: float


def read(cluster: Cluster, classes_of: Mapping[str, tuple[str, list[str]]] = CLASSES) -> Reading:
    """Read the counters of every class; machines of a group are added up. classes_of: as CLASSES."""
    questions: dict[Machine, dict[str, list[str]]] = {}
    for name, (group, units) in classes_of.items():
        for machine in cluster.site.machines(group):
            questions.setdefault(machine, {})[name] = units
    classes = dict.fromkeys(classes_of, 0.0)
    for machine, wanted in questions.items():
        units = [f"{unit}.service" for group_of_units in wanted.values() for unit in group_of_units]
        said = cluster.run(machine, f"systemctl show --property=CPUUsageNSec --value {' '.join(units)}")
        numbers = iter([line for line in said.splitlines() if line])
        for name, group_of_units in wanted.items():
            for _ in group_of_units:
                classes[name] += nanoseconds(next(numbers))
    return Reading(classes, computer(Path("/proc/stat").read_text(encoding="ascii")))


def nanoseconds(text: str) -> float:
    """Return seconds from systemd's counter; a unit that does not run has none."""
    return int(text) / 1e9 if text.isdigit() and int(text) < 2**63 else 0.0


def computer(text: str) -> float:
    """Return the seconds that all processors were busy, from proc(5)'s first line: user, nice, system, idle, iowait, irq, softirq."""
    ticks = [int(word) for word in text.splitlines()[0].split()[1:8]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def between(before: Reading, after: Reading, count: int) -> dict[str, float]:
    """Return milliseconds of processor time a message, by class; what no class used is everything else."""
    used = {name: after.classes[name] - before.classes[name] for name in before.classes}
    used["everything else"] = max(0.0, after.computer - before.computer - sum(used.values()))
    return {name: 1000 * seconds / count for name, seconds in used.items()}
