"""Stages: each prints its name, what it is at, and how long it took; a table of times ends the run."""

import copy
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from frontdoor import paths
from frontdoor.errors import Refused

HEARTBEAT = 15.0  # seconds between signs of life in a log that nobody watches
TAIL = 40
# For what runs beside others: the processor's time that nobody else wants. Linux gives such a process 15 parts where another has 1024.
YIELDING = ("nice", "-n", "19")

_PROGRESS = re.compile(
    r"^(?:(?:TASK|PLAY|RUNNING HANDLER) \[(?P<task>.*)\] \**|.*\[ *(?P<percent>\d+)%\]|(?:INFO|WARNING) +(?P<note>\S.*))$"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Stages:
    """The stages of one run of the front door."""

    def __init__(self, quiet: bool = False) -> None:
        """``quiet``: print nothing but failures, for ``--json``."""
        self.quiet = quiet
        self.terminal = sys.stdout.isatty() and not quiet
        self.walls: list[tuple[str, float]] = []
        for part in os.environ.get("POSTHOUSE_STAGES", "").split(";"):
            if "=" in part:
                name, seconds = part.split("=")
                self.walls.append((name, float(seconds)))
        # What the shell's part of the front door took before there was a clock here.
        self._begun = time.monotonic() - sum(wall for _, wall in self.walls)
        self._at = ""
        self._label = ""
        self._before: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def beside(self) -> "Stages":
        """Return stages that run in another thread meanwhile, and whose programs take no processor from others.

        They stand in the same table; each of their lines has the stage's name before it.
        """
        other = copy.copy(self)
        other._at, other._label, other._before = "", "beside", YIELDING
        return other

    def words(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs a program of these stages."""
        return [*self._before, *argv]

    def say(self, line: str) -> None:
        """Print a line of the running stage."""
        if not self.quiet:
            self._print(f"   {self._named(line)}")

    def _print(self, text: str) -> None:
        with self._lock:
            print(f"{self._clear()}{text}", flush=True)

    def _named(self, line: str) -> str:
        return f"{self._label}: {line}" if self._label else line

    def at(self, what: str) -> None:
        """Remember what the stage is at; shown on the terminal at once, in a log from time to time."""
        self._at = what

    def _clear(self) -> str:
        return "\r\x1b[K" if self.terminal else ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a part of the run."""
        if not self.quiet:
            self._print(f"== {name} ...")
        begun = time.monotonic()
        self._at = ""
        self._label = self._label and name
        over = threading.Event()
        beat = threading.Thread(target=self._live, args=(over, begun), daemon=True)
        beat.start()
        ending = "failed after "
        try:
            yield
            ending = ""
        finally:
            over.set()
            beat.join()
            wall = time.monotonic() - begun
            self.walls.append((name, wall))
            if not self.quiet:
                self._print(f"== {name}: {ending}{wall:.1f} s")

    def _live(self, over: threading.Event, begun: float) -> None:
        last = ""
        while not over.wait(0.5 if self.terminal else HEARTBEAT):
            # A terminal has one last line, and it is of what runs in front.
            if self.quiet or (self.terminal and self._label):
                continue
            line = self._named(f"{time.monotonic() - begun:.0f} s  {self._at}")
            with self._lock:
                if self.terminal:
                    print(f"\r\x1b[K   {line[: os.get_terminal_size().columns - 4]}", end="", flush=True)
                elif line != last:
                    print(f"   {line}", flush=True)
            last = line

    def command(
        self,
        name: str,
        argv: Sequence[str],
        show: Callable[[str], bool] = lambda _line: False,
    ) -> None:
        """Run a program as a stage; its output goes to ``.lab/log/NAME.log``, its end is shown when it fails.

        ``show``: which lines to print as they come.
        """
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        log = paths.LOGS / f"{name}.log"
        tail: deque[str] = deque(maxlen=TAIL)
        with (
            log.open("w") as output,
            opened(self.words(argv)) as process,
        ):
            assert process.stdout
            try:
                for raw in process.stdout:
                    line = _COLOUR.sub("", raw.rstrip("\n"))
                    output.write(line + "\n")
                    output.flush()
                    seen = _PROGRESS.match(line)
                    if seen:
                        self.at(seen["task"] or seen["note"] or f"{seen['percent']} %")
                    if show(line):
                        self.say(line)
                    else:
                        tail.append(line)
            except KeyboardInterrupt:
                process.wait(timeout=30)
                raise
        if process.returncode:
            # In one piece, so that no line of what runs beside comes between.
            print("".join(f"   | {self._named(line)}\n" for line in tail), end="", file=sys.stderr)
            raise Refused(f"{name} failed; the whole output is in {log}", 1)

    def table(self) -> str:
        """The stages and their seconds, and those of the whole run: less than their sum when some ran beside others."""
        width = max((len(name) for name, _ in self.walls), default=5)
        rows = [f"  {name:<{width}}  {wall:8.1f} s" for name, wall in self.walls]
        rows.append(f"  {'in all':<{width}}  {time.monotonic() - self._begun:8.1f} s")
        return "\n".join(rows)

    def report(self, as_json: bool, **more: object) -> None:
        """Print the table, or one JSON object."""
        if as_json:
            print(json.dumps({"stages": {name: round(wall, 2) for name, wall in self.walls}, **more}))
        elif not self.quiet:
            print(self.table())


def opened(argv: Sequence[str]) -> subprocess.Popen[str]:
    """Start a tool in the checkout, with nothing to read; what it writes and complains of comes together, as text."""
    return subprocess.Popen(
        argv,
        cwd=paths.CHECKOUT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def environment() -> dict[str, str]:
    """The whole environment for a tool."""
    return {**os.environ, **tools_environment()}


def tools_environment() -> dict[str, str]:
    """What every tool of the run has to know: our configuration, and no file outside the checkout and the cache."""
    return {
        "ANSIBLE_CONFIG": str(paths.CHECKOUT / "ansible.cfg"),
        "ANSIBLE_HOME": str(paths.STATE / "ansible"),
        "ANSIBLE_FORCE_COLOR": "0",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "POSTHOUSE_CHECKOUT": str(paths.CHECKOUT),
        "POSTHOUSE_CACHE": str(paths.CACHE),
        # Without a UTF-8 locale ansible refuses to start.
        "LC_ALL": "C.UTF-8",
        "XDG_CACHE_HOME": str(paths.CACHE / "tools"),
    }
