"""Measure mail on AoE, LVM and XFS in the running lab: ./lab bench storage [--json] [--only disks|options]."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from pathlib import Path
from statistics import median

from bench.mail.cluster import BenchError
from bench.mail.delivery import LENGTH, OURS, deliver
from bench.mail.report import Row, as_json, as_table
from bench.storage.cases import PARTS, Case
from bench.storage.ground import Ground, ground

#: proc_sys_vm(5)
CACHES = "/proc/sys/vm/drop_caches"
ON_MACHINE = Path(__file__).with_name("on_machine.py")
Walls = dict[tuple[str, Case], list[float]]
WORK = {
    "lmtp": "LMTP into Maildirs",
    "write": "letters written and synced",
    "read": "letters read from the disk",
    "remove": "letters removed",
}


def main() -> int:
    """Measure the cases in turns, round by round, and print each against the first of its part."""
    options = _options()
    try:
        place = ground()
        cases = list(dict.fromkeys(case for part in options.only for case in PARTS[part]))
        walls: Walls = {}
        with place.disks(), place.cluster.people(options.people):
            for number in range(options.rounds):
                for case in in_turn(cases, number, options.rounds):
                    measure(place, case, options, walls)
    except BenchError as error:
        print(f"bench/storage: {error}", file=sys.stderr)
        return 1
    rows = [row for part in options.only for row in compared(walls, PARTS[part], options)]
    print(as_json(rows) if options.json else as_table(rows))
    return 0


def in_turn(cases: list[Case], number: int, rounds: int) -> list[Case]:
    """Return the order of a round: each begins elsewhere, every other one goes backwards, so that none always follows the same one."""
    first = number * len(cases) // rounds
    turned = cases[first:] + cases[:first]
    return turned[::-1] if number % 2 else turned


def measure(place: Ground, case: Case, options: argparse.Namespace, walls: Walls) -> None:
    """Deliver and write in one case, and note the seconds."""
    print(f"{case.name} …", file=sys.stderr)
    # Disk and shelf are files of this host: what a case without syncs left in its memory is written before the next one is timed.
    os.sync()
    with place.mounted(case) as folder:
        deliver(place.cluster, OURS, options.people)  # makes the homes
        walls.setdefault(("lmtp", case), []).append(deliver(place.cluster, OURS, options.people))
        given = json.dumps({"place": folder, "count": options.letters, "length": LENGTH, "caches": CACHES})
        said = place.cluster.run(place.store, f"python3 - {shlex.quote(given)}", ON_MACHINE.read_text())
        for name, wall in json.loads(said).items():
            walls.setdefault((name, case), []).append(wall)


def compared(walls: Walls, cases: tuple[Case, ...], options: argparse.Namespace) -> list[Row]:
    """Return the medians, a row for each case and work, with how many times faster it is than the first case."""
    rows = []
    for work, about in WORK.items():
        count = options.people if work == "lmtp" else options.letters
        base = median(walls[work, cases[0]])
        rows.append(Row(f"{about}: {cases[0].name}", count, base))
        rows += [Row(f"{about}: {case.name}", count, median(walls[work, case]), {cases[0].name: base}) for case in cases[1:]]
    return rows


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab bench storage", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object: walls, ratios, machine")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to measure (default: all)")
    parser.add_argument("--people", type=int, default=40, help="people, and messages in each delivery (default %(default)s)")
    parser.add_argument("--letters", type=int, default=200, help="letters written without Dovecot (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each case is measured; the median counts (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
