"""Measure mail on the running lab: ./lab bench mail [--json] [--only delivery|stages|screen]."""

from __future__ import annotations

import argparse
import sys

from bench.mail import delivery, screen, stages
from bench.mail.cluster import BenchError, Cluster
from bench.mail.report import Row, as_json, as_table

PARTS = ("delivery", "stages", "screen")


def main() -> int:
    """Run the parts one after the other and print what was measured."""
    options = _options()
    cluster = Cluster()
    rows: list[Row] = []
    try:
        with cluster.people(options.people):
            if "delivery" in options.only:
                rows += delivery.measure(cluster, options.people, options.rounds)
            if "stages" in options.only:
                rows += stages.measure(cluster, options.people, options.rounds)
            if "screen" in options.only:
                rows += screen.measure(cluster, options.rate, options.seconds)
    except BenchError as error:
        print(f"{as_table(rows)}\nbench/mail: {error}" if rows else f"bench/mail: {error}", file=sys.stderr)
        return 1
    print(as_json(rows) if options.json else as_table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab bench mail", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object: walls, ratios, machine")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure (default: all)")
    parser.add_argument("--people", type=int, default=500, help="people, and messages in each delivery (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="times that each delivery is measured; the median counts (default %(default)s)"
    )
    parser.add_argument("--rate", type=float, default=200, help="bad clients a second (default %(default)s; the aim is 160)")
    parser.add_argument("--seconds", type=float, default=20, help="how long bad clients come (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
