"""What the bench prints: a table for people, one object for programs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Row:
    """One measurement. wall: seconds for count messages or refusals; peers: name to its own seconds for the same count."""

    name: str
    count: int
    wall: float
    peers: dict[str, float] = field(default_factory=dict)
    remark: str = ""

    @property
    def ratios(self) -> dict[str, float]:
        """How many times faster than each peer."""
        return {peer: wall / self.wall for peer, wall in self.peers.items()}


def machine() -> dict[str, str | int | float]:
    """Describe the computer that all of the lab runs on."""
    cpus = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = int(next(line.split()[1] for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")))
    return {
        "processor": cpus[0] if cpus else platform.machine(),
        "processors": os.cpu_count() or 1,
        "memory_gib": round(memory / 2**20, 1),
        "kernel": platform.release(),
        "load": round(os.getloadavg()[0], 1),
    }


def as_json(rows: list[Row]) -> str:
    """Write everything as one object."""
    walls = {row.name: round(row.wall, 3) for row in rows}
    walls |= {f"{row.name}: {peer}": round(wall, 3) for row in rows for peer, wall in row.peers.items()}
    ratios = {f"{row.name}: {peer}": round(ratio, 2) for row in rows for peer, ratio in row.ratios.items()}
    return json.dumps({"walls": walls, "ratios": ratios, "machine": machine()})


def as_table(rows: list[Row]) -> str:
    """Write a table: a second's worth for each, then how many times faster."""
    lines = [f"{'':34} {'count':>6} {'seconds':>8} {'a second':>9}  times faster than"]
    for row in rows:
        lines.append(f"{row.name:34} {row.count:6} {row.wall:8.2f} {row.count / row.wall:9.1f}  {row.remark}")
        for peer, wall in row.peers.items():
            lines.append(f"  {peer:32} {row.count:6} {wall:8.2f} {row.count / wall:9.1f}  {row.ratios[peer]:.2f}")
    about = machine()
    lines.append(f"{about['processors']} × {about['processor']}, {about['memory_gib']} GiB, Linux {about['kernel']}, load {about['load']}")
    return "\n".join(lines)
