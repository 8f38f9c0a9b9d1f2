"""What ``./lab test`` runs, in order."""

import argparse
import copy
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from frontdoor import commands, interpreters, linters, lock, overview, paths, spare
from frontdoor.errors import Refused
from frontdoor.stages import Stages

ON_A_MACHINE = ("tests/integration/test_tree_machine.py", "tests/integration/test_tree_at_rest.py")
_SUMMARY = re.compile(r"^=* ?(?P<counts>(?:\d+ \w+(?:, )?)+)(?: in [\d.]+s.*?)? ?=*$")
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|deselected|warnings?)")


@dataclass(frozen=True)
class Stage:
    """One stage: what it needs (a converged lab, a machine to throw away), and whether what follows is pointless when it fails.

    site: whose lab it needs. named: it takes long, and runs only when it is asked for by its name.
    beside: runs meanwhile, one such after another, when a lab is built; it needs nothing of a lab and changes nothing there.
    """

    name: str
    about: str
    arguments: tuple[str, ...] = ()
    scenario: bool = False
    needs_lab: bool = True
    spare: bool = False
    decisive: bool = False
    beside: bool = False
    site: Path = paths.INVENTORY
    named: bool = False


# The roles as ansible-core renders them, and our plugins and modules as it loads them; nothing that one Python has proved for both.
ON_BOTH_LINES = ("tests/architecture/test_example_inventory.py", "tests/unit")

STAGES = (
    # These three want a processor, and the others mostly wait: for packages, daemons, and what must have its time to happen.
    Stage("virtual_image", "what virtual machines start from", needs_lab=False, beside=True),
    Stage("lint", "linters and type checker, no finding", needs_lab=False, beside=True),
    Stage(
        "unit",
        "our Python, the shape of the repository",
        tuple(f"--ignore={path}" for path in ON_A_MACHINE),
        needs_lab=False,
        beside=True,
    ),
    Stage("other_python", "the other ansible-core renders the same", needs_lab=False, beside=True),
    Stage("default", "builds from nothing, in check mode too, twice, quietly", scenario=True, needs_lab=False, decisive=True),
    Stage("cluster", "mail from where people stand", ("tests/cluster",)),
    Stage("backup", "what people had comes back, hash for hash", ("tests/backup",)),
    Stage("tree", "the tree task on a machine to throw away", ON_A_MACHINE, needs_lab=False, spare=True),
    Stage("add_mailstore", "one line in the inventory is enough", scenario=True),
    Stage("filter_elsewhere", "a filter on a machine of its own is a line", scenario=True),
    Stage("limit_one_machine", "--limit renders whole, right files", scenario=True),
    Stage("storage", "a mailstore on a shelf: real AoE, LVM and XFS", scenario=True),
    # Now, because podman keeps a container's journal in memory: a machine that restarts in a fault begins it anew.
    Stage("journals_so_far", "no warning without a reason, before faults", ("tests/journals",)),
    Stage("faults", "machines and services stop; no mail is lost", ("tests/faults",)),
    # Last: what was said while a mailstore was added, a machine was run alone, and everything recovered from faults counts too.
    Stage("journals", "no warning without a reason", ("tests/journals",)),
    Stage(
        "storage_long",
        "faults of disks, shelves and power; failover",
        ("tests/storage", "tests/storage_long"),
        site=paths.STORAGE_INVENTORY,
        named=True,
    ),
)


def is_news(line: str) -> bool:
    """Lines of pytest and molecule that are shown as they come."""
    return line.startswith(("FAILED ", "ERROR ", "E   ", "SKIPPED ")) or bool(_SUMMARY.match(line) and _COUNT.search(line))


class Suite:
    """One run of the stages."""

    def __init__(self, stages: Stages) -> None:
        """``stages``: who prints and times."""
        self.stages = stages
        self.counts: Counter[str] = Counter()
        self.failed: list[str] = []
        self._lock = threading.Lock()

    def beside(self) -> "Suite":
        """Return the same run for another thread: it counts and fails together with this one."""
        other = copy.copy(self)
        other.stages = self.stages.beside()
        return other

    def _count(self, line: str) -> bool:
        if _SUMMARY.match(line):
            for number, what in _COUNT.findall(line):
                with self._lock:
                    self.counts[{"error": "errors", "warning": "warnings"}.get(what, what)] += int(number)
        return is_news(line)

    def run(self, stage: Stage) -> bool:
        """Run one stage; what fails is written down and the run goes on."""
        try:
            if stage.name == "lint":
                self._lint()
            elif stage.scenario:
                with self.stages.stage(stage.name):
                    self.stages.command(stage.name, ["molecule", "test", "--scenario-name", stage.name], show=self._count)
            elif stage.name == "virtual_image":
                with self.stages.stage(stage.name):
                    self.stages.command(stage.name, [sys.executable, "-m", "frontdoor.virtual_image"], show=lambda _line: True)
            elif stage.name == "other_python":
                self._other_python(stage.name)
            elif stage.spare:
                with self.stages.stage(stage.name), spare.machine(self.stages) as machine:
                    self._pytest(stage.name, ["env", f"POSTHOUSE_MACHINE={machine}", sys.executable], stage.arguments)
            else:
                with self.stages.stage(stage.name):
                    self._pytest(stage.name, ["env", f"POSTHOUSE_INVENTORY={stage.site}", sys.executable], stage.arguments)
        except Refused as refused:
            print(f"lab: {refused}", file=sys.stderr)
            self.failed.append(stage.name)
            return False
        return True

    def _pytest(self, name: str, python: Sequence[str], arguments: Sequence[str]) -> None:
        self.stages.command(name, [*python, "-m", "pytest", "-rs", "--durations=20", "--durations-min=5", *arguments], show=self._count)

    def _other_python(self, name: str) -> None:
        if not (other := interpreters.other_line()):
            self.stages.say(f"{name} is left out: this machine has no working Python {interpreters.missing()}")
            return
        with self.stages.stage(name):
            # The front door makes the environment of that Python, with the ansible-core that requirements.txt gives it.
            self._pytest(name, ["env", f"PYTHON={other}", str(paths.CHECKOUT / "lab"), "python"], ON_BOTH_LINES)

    def _lint(self) -> None:
        if found := linters.run(self.stages):
            raise Refused(f"{', '.join(found)} found something; see .lab/log/lint-*.log", 1)


def run(options: argparse.Namespace) -> int:
    """Run the stages that the command line names, or all."""
    known = {stage.name: stage for stage in STAGES}
    if options.list:
        print("\n".join(f"{stage.name:<18} {stage.about}{' (only by its name)' if stage.named else ''}" for stage in STAGES))
        return 0
    if unknown := [name for name in options.stages if name not in known]:
        raise Refused(f"There is no stage {unknown[0]}; there are {', '.join(known)}.")
    chosen = [stage for stage in STAGES if stage.name in options.stages or not (options.stages or stage.named)]
    stages = Stages(quiet=options.json)
    begun = time.monotonic()
    with lock.only_one("test"):
        suite = Suite(stages)
        was_up = "running" in overview.states().values()
        try:
            _all(suite, chosen, stages)
        finally:
            if not was_up and not options.keep and any(stage.needs_lab or stage.scenario or stage.spare for stage in chosen):
                commands.take_down(stages)
    if suite.counts.get("skipped"):
        # The front door installs what the tests ask for, so a test that did not run is a hole that nobody would see.
        suite.failed.append("skipped tests")
    stages.report(options.json, counts=suite.counts, failed=suite.failed)
    if not options.json:
        if suite.failed:
            print(f"failed: {', '.join(suite.failed)}")
        print(
            f"{', '.join(f'{number} {what}' for what, number in suite.counts.items()) or 'no test ran'} in {time.monotonic() - begun:.0f}s"
        )
    return 1 if suite.failed else 0


def _all(suite: Suite, chosen: list[Stage], stages: Stages) -> None:
    if any(stage.name == "default" for stage in chosen):
        # New machines, new journals: when old ones were broken on purpose is of no use any more.
        (paths.STATE / "faults.json").unlink(missing_ok=True)
    aside = [stage for stage in chosen if stage.beside]
    rest = [stage for stage in chosen if not stage.beside]
    # In a run of everything, with the processor's time that nobody else wants; who names a few stages wants to see them one by one.
    if not (rest and rest[0].decisive):
        for stage in aside:
            suite.run(stage)
        _in_front(suite, rest, stages)
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        meanwhile = suite.beside()
        done = pool.submit(lambda: [meanwhile.run(stage) for stage in aside])
        _in_front(suite, rest, stages)
        done.result()


def _in_front(suite: Suite, rest: Sequence[Stage], stages: Stages) -> None:
    """Run stages that need the lab."""
    ready: Path | None = None
    for stage in rest:
        if (stage.needs_lab or stage.scenario or stage.spare) and ready != stage.site:
            commands.prepare(stages, stage.site)
            if stage.needs_lab:
                commands.bring_up(stages, stage.site)
                commands.converge(stages, stage.site)
            ready = None if stage.spare else stage.site
        if not suite.run(stage) and stage.decisive:
            print(f"lab: {stage.name} failed, so what needs a whole lab is not run", file=sys.stderr)
            return
