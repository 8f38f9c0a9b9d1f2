"""Measure backups on the running lab: ./lab bench backup [--json] [--only double returning space]."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bench.backup import double, returning, space
from bench.backup.store import kept
from bench.mail.cluster import BenchError, Cluster
from bench.mail.report import Row, as_json, as_table

PARTS = ("double", "returning", "space")


def main() -> int:
    """Run the parts one after the other and print what was measured."""
    options = _options()
    cluster = Cluster()
    rows: list[Row] = []
    more: dict[str, Any] = {}
    words: list[str] = []
    try:
        with cluster.people(options.people), kept(cluster) as backup:
            if "double" in options.only:
                doubled = double.measure(cluster, backup, options.people, options.rounds)
                rows += doubled.rows
                more["processor ms a delivery"] = {name: round(value, 2) for name, value in doubled.processors.items()}
                words.append("processor ms a delivery: " + ", ".join(f"{name} {value:.1f}" for name, value in doubled.processors.items()))
                cluster.forget_mail()
                backup.forget()
            if "returning" in options.only:
                returned = returning.measure(cluster, backup, options.mailboxes, options.letters, options.at_once)
                rows += returned.rows
                more["bytes a second of a core"] = round(returned.a_core)
                words.append(returning.on_paper(returned))
            if "space" in options.only:
                size, formats = space.measure(backup, options.letters * 4)
                more["space"] = {one.name: round(one.room / size, 3) for one in formats}
                words.append(space.as_table(size, formats))
    except BenchError as error:
        print(f"{as_table(rows)}\nbench/backup: {error}" if rows else f"bench/backup: {error}", file=sys.stderr)
        return 1
    print(json.dumps({**json.loads(as_json(rows)), **more}) if options.json else "\n\n".join([as_table(rows), *words]))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab bench backup", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object: walls, ratios, processors, space, machine")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure (default: all)")
    parser.add_argument("--people", type=int, default=300, help="people, and messages in each delivery (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=3, help="times that each delivery is measured; the median counts (default %(default)s)"
    )
    parser.add_argument("--mailboxes", type=int, default=20, help="people who are restored (default %(default)s)")
    parser.add_argument("--letters", type=int, default=250, help="letters of each of them (default %(default)s)")
    parser.add_argument("--at-once", type=int, default=2, help="people restored at a time (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
