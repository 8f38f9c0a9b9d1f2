"""Measure how fast fates are told: ./lab bench fates [--json] [--share 0.1] [--rounds 3] [--log FILE]."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fates import week
from bench.mail.report import machine

CHECKOUT = Path(__file__).resolve().parents[2]
FATES, PEER, SUMMARY, GREP = "fates", "a regular expression a line", "pflogsumm", "grep -c (the floor)"


class BenchError(Exception):
    """What was measured is not what should have been."""


@dataclass
class Run:
    """One run of a program. wall and processor in seconds, memory in MB (the largest resident size)."""

    wall: float
    processor: float
    memory: float
    output: bytes


def main() -> int:
    """Measure and print."""
    options = _options()
    try:
        with tempfile.TemporaryDirectory(prefix="posthouse-fates-", dir=options.folder) as folder:
            found = measure(options, Path(folder))
    except BenchError as fault:
        print(f"bench/fates: {fault}", file=sys.stderr)
        return 1
    print(json.dumps(found) if options.json else table(found))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab bench fates", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object: walls, ratios, machine")
    parser.add_argument(
        "--share", type=float, default=0.1, help="part of the talk's week; 1 is 20 million lines, 3 GB (default %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turns; medians count (default %(default)s)")
    parser.add_argument("--folder", help="where the log is written (default: where temporary files go)")
    parser.add_argument("--log", type=Path, help="measure this log instead, and compare no sums")
    parser.add_argument("--only", nargs="+", choices=(FATES, PEER, SUMMARY, GREP), help="only these programs")
    return parser.parse_args()


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Make the log, run every program on it in turns on one processor, and look whether all found the same."""
    before = machine()
    log = options.log or folder / "week.log"
    held = None if options.log else week.write(log, options.share)
    commands = programs(log)
    if options.only:
        commands = {name: command for name, command in commands.items() if name in options.only}
    for block in _blocks(log):
        del block  # every program reads from memory, the first one too
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            runs[name].append(once(command))
    if held is not None and {FATES, PEER} <= set(runs):
        check(runs[FATES][0], runs[PEER][0], held)
    walls = {name: statistics.median(run.wall for run in found) for name, found in runs.items()}
    lines = sum(block.count(b"\n") for block in _blocks(log))
    return {
        "walls": {name: round(wall, 3) for name, wall in walls.items()},
        "ratios": {name: round(wall / walls[FATES], 2) for name, wall in walls.items() if FATES in walls and name != FATES},
        "processor": {name: round(statistics.median(run.processor for run in found), 2) for name, found in runs.items()},
        "memory": {name: round(max(run.memory for run in found), 1) for name, found in runs.items()},
        "log": {"lines": lines, "megabytes": round(log.stat().st_size / 1e6), "fates": sum(held.values()) if held else None},
        "machine": before,
    }


def programs(log: Path) -> dict[str, list[str]]:
    """Return what is measured. pflogsumm is left out where it is not installed."""
    found = {
        FATES: [sys.executable, "-IB", "-c", _START.format(str(CHECKOUT / "services/fates")), "--quiet", "--json", str(log)],
        PEER: [sys.executable, "-m", "bench.fates.peer", str(log)],
        GREP: ["grep", "-cF", "postfix-outside/postscreen", str(log)],
    }
    if shutil.which("pflogsumm"):
        found[SUMMARY] = ["pflogsumm", "--syslog-name=postfix-outside", "--problems-first", str(log)]
    return found


_START = "import sys; sys.path.insert(0, {!r}); from fates.command import main; sys.exit(main())"


def once(command: list[str]) -> Run:
    """Run a program on one processor. Raises BenchError."""
    one = {min(os.sched_getaffinity(0))}
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
        preexec_fn=lambda: os.sched_setaffinity(0, one),  # noqa: PLW1509, because nothing here has threads
    )
    assert process.stdout is not None
    output = process.stdout.read()
    # wait4(2) tells of this child alone; getrusage(2) would keep the largest of all children.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode:
        raise BenchError(f"{' '.join(command[:3])} ... ended with status {process.returncode}")
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)


def check(fates: Run, peer: Run, held: dict[str, int]) -> None:
    """Compare what both counted with what the log holds, and with each other. Raises BenchError."""
    ours, theirs = json.loads(fates.output), json.loads(peer.output)
    told = {
        "fates": {row["fate"]: row["count"] for row in ours["fates"]},
        "recipients": ours["recipients"],
        "connections": ours["reconciliation"][0]["begun"],
        "accepted": ours["reconciliation"][1]["begun"],
        **{top: {row["name"]: row["count"] for row in ours[top]} for top in ("viruses", "lists", "listed", "banned")},
    }
    if told["fates"] != held:
        raise BenchError(f"fates counted {told['fates']}, the log holds {held}")
    if told != theirs:
        raise BenchError(f"fates counted {told}, its peer {theirs}")


def _blocks(log: Path) -> Any:
    with log.open("rb") as stream:
        while block := stream.read(1 << 22):
            yield block


def table(found: dict[str, Any]) -> str:
    """Return the result for people."""
    log, about = found["log"], found["machine"]
    lines = [f"{log['lines']:,} lines, {log['megabytes']:,} MB, {log['fates'] or 'unknown'} fates; one processor", ""]
    lines += [f"{'':30} {'seconds':>8} {'processor':>10} {'lines a second':>15} {'MB':>7}  times as slow (by the processor)"]
    for name, wall in found["walls"].items():
        used = found["processor"][name]
        ratio = f"{found['ratios'][name]:.2f} ({used / found['processor'][FATES]:.2f})" if name in found["ratios"] else ""
        lines.append(f"{name:30} {wall:8.2f} {used:10.2f} {log['lines'] / wall:15,.0f} {found['memory'][name]:7.1f}  {ratio}")
    computer = f"{about['processors']} × {about['processor']}, {about['memory_gib']} GiB, Linux {about['kernel']}"
    lines += ["", f"{computer}, load before {about['load']}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
