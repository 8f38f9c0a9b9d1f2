"""Measure the content filter on the running lab: ./lab bench filter [--json] [--letters N]."""

from __future__ import annotations

import argparse
import json
import os
import sys

from bench.filter.work import Measured, measure
from bench.mail.cluster import BenchError, Cluster
from bench.mail.report import as_json, as_table


def main() -> int:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(prog="lab bench filter", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object: walls, ratios, processors, machine")
    parser.add_argument("--letters", type=int, default=200, help="people, and letters each way (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each way is measured; the median counts (default %(default)s)")
    options = parser.parse_args()
    cluster = Cluster()
    try:
        with cluster.people(options.letters):
            found = measure(cluster, options.letters, options.rounds)
    except BenchError as error:
        print(f"bench/filter: {error}", file=sys.stderr)
        return 1
    print(as_object(found) if options.json else f"{as_table(found.rows)}\n\n{as_shares(found)}")
    return 0


def as_object(found: Measured) -> str:
    """Write everything as one object."""
    rounded = {way: {name: round(value, 1) for name, value in used.items()} for way, used in found.processors.items()}
    return json.dumps({**json.loads(as_json(found.rows)), "processors": rounded})


def as_shares(found: Measured) -> str:
    """Write a table of processor time a message: a line for each class of processes, a column for each way."""
    ways = list(found.processors)
    lines = [f"{'processor ms a message':28}" + "".join(f"{way:>28}" for way in ways)]
    classes = next(iter(found.processors.values()))
    lines += [f"  {name:26}" + "".join(f"{found.processors[way][name]:28.1f}" for way in ways) for name in classes]
    sums = [sum(found.processors[way].values()) for way in ways]
    lines.append(f"  {'together':26}" + "".join(f"{total:28.1f}" for total in sums))
    most = [1000 * (os.cpu_count() or 1) / total if total else 0.0 for total in sums]
    lines.append(f"  {'so at most, a second':26}" + "".join(f"{rate:28.1f}" for rate in most))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
