"""Measure a second run on the running lab: ./lab bench converge [--json] [--rounds 3] [--inventory PATH] [--site PLAYBOOK]."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.converge import pyinfra_peer, stock
from bench.converge.machines import CHECKOUT, BenchError, Machine, Workshop, changes
from bench.mail.report import machine as this_computer


def main() -> int:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="posthouse-bench-") as directory:
        try:
            found = measure(options, Workshop(Path(directory), options))
        except BenchError as error:
            print(f"bench/converge: {error}", file=sys.stderr)
            return 1
    print(json.dumps(found) if options.json else table(found))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab bench converge", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object: walls, ratios, machine")
    parser.add_argument("--rounds", type=int, default=3, help="runs of the site and of pyinfra; medians count (default %(default)s)")
    parser.add_argument("--stock-rounds", type=int, default=1, help="runs of the stock tasks, minutes each (default %(default)s)")
    parser.add_argument("--inventory", help="another inventory than ansible.cfg's")
    parser.add_argument("--site", type=Path, default=CHECKOUT / "playbooks/site.yml", help="another playbook than site.yml")
    parser.add_argument("--limit", help="only these machines")
    parser.add_argument("--one", help="the machine that is also measured alone (default: the one with the most resources)")
    return parser.parse_args()


def measure(options: argparse.Namespace, workshop: Workshop) -> dict[str, Any]:
    """Run everything against the same machines, one after the other. Returns walls in seconds, ratios, machine."""
    before = this_computer()
    workshop.ansible(options.site)  # may still have something to do, and warms every cache
    machines = workshop.machines()
    one = next((machine for machine in machines if machine.name == options.one), max(machines, key=lambda found: len(found.resources)))
    stock_playbook = workshop.playbook("stock", stock.plays(machines, workshop))
    operations = pyinfra_peer.write(machines, workshop)
    empty = workshop.playbook("empty", [{"name": "Empty", "hosts": one.name, "gather_facts": False, "tasks": []}])
    walls = {
        "site": repeated(options.rounds, lambda: quiet(workshop, options.site)),
        "ansible": repeated(options.stock_rounds, lambda: quiet(workshop, stock_playbook)),
        "pyinfra": repeated(options.rounds, lambda: pyinfra_peer.run(operations)),
        "one machine": repeated(options.rounds, lambda: quiet(workshop, options.site, "--limit", one.name)),
        "empty play": repeated(options.rounds, lambda: workshop.ansible(empty)[0]),
    }
    ratios = {"ansible": walls["ansible"] / walls["site"], "pyinfra": walls["pyinfra"] / walls["site"]}
    ratios["empty play"] = walls["empty play"] / walls["one machine"]
    return {
        "walls": {name: round(wall, 2) for name, wall in walls.items()},
        "ratios": {peer: round(ratio, 2) for peer, ratio in ratios.items()},
        "machine": {**before, "machines": len(machines), "resources": sum(len(found.resources) for found in machines), "one": one.name},
        "resources": {found.name: census(found) for found in machines},
    }


def quiet(workshop: Workshop, playbook: Path, *options: str) -> float:
    """Run a playbook that must change nothing. Returns wall seconds."""
    wall, said = workshop.ansible(playbook, *options)
    if changes(said):
        raise BenchError(f"{playbook.name} was not at rest, run it until it is:\n" + "\n".join([*changes(said), said[-3000:]]))
    return wall


def repeated(rounds: int, once: Callable[[], float]) -> float:
    """Return the median of several runs."""
    return statistics.median(once() for _ in range(rounds))


def census(machine: Machine) -> dict[str, int]:
    """Count a machine's resources by kind."""
    kinds = [resource["kind"] for resource in machine.resources]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def table(found: dict[str, Any]) -> str:
    """Return the result for people."""
    walls, ratios, about = found["walls"], found["ratios"], found["machine"]
    lines = [f"{about['resources']} resources on {about['machines']} machines, nothing to change", ""]
    lines += [f"{'':40} {'seconds':>8}  times as fast"]
    lines += [f"{'playbooks/site.yml':40} {walls['site']:8.2f}"]
    lines += [f"{'stock Ansible tasks, one a resource':40} {walls['ansible']:8.2f}  {ratios['ansible']:.1f}"]
    lines += [f"{'pyinfra operations, one a resource':40} {walls['pyinfra']:8.2f}  {ratios['pyinfra']:.1f}"]
    alone = f"site.yml, {about['one']} alone"
    lines += [f"{alone:40} {walls['one machine']:8.2f}"]
    lines += [f"{'an empty play, the same machine':40} {walls['empty play']:8.2f}  {1 / ratios['empty play']:.1f} times as slow alone", ""]
    computer = f"{about['processors']} × {about['processor']}, {about['memory_gib']} GiB, Linux {about['kernel']}"
    lines += [f"{computer}, load before {about['load']}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
