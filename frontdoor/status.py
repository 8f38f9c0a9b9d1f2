"""What a postmaster wants green: playbooks/status.yml asks, the service status makes the page of the answers.

For other sites than the lab, and for monitoring: python3 -m frontdoor.status inventory/SITE [--json] [--all]
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from frontdoor import paths
from frontdoor.errors import Refused
from frontdoor.stages import opened

#: Nothing takes longer: each question has a bound of its own (playbooks/status.yml).
PATIENCE = 90
CRITICAL = 2
_ANSWER = re.compile(r"^(?:ok|fatal|changed): \[(?P<machine>[\w.-]+)(?: -> (?P<other>[\w.-]+))?.*?\](?P<rest>.*)$")
_UNREACHABLE = "UNREACHABLE"


def gather(inventory: Path, answers: Path, heard: Callable[[str], None]) -> None:
    """Have every machine and the world asked; the answers are a file of JSON then.

    heard: called with a few words whenever an answer has come. Raises Refused when there are none at all.
    """
    command = [
        "ansible-playbook",
        "--inventory",
        str(inventory),
        "playbooks/status.yml",
        "--extra-vars",
        json.dumps({"status_file": str(answers)}),
    ]
    last: list[str] = []
    with opened(command) as process:
        assert process.stdout
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        try:
            for line in process.stdout:
                last = [*last[-20:], line.rstrip()]
                if seen := _ANSWER.match(line):
                    heard(f"{seen['other'] or seen['machine']}{' does not answer' if _UNREACHABLE in seen['rest'] else ''}")
        finally:
            watch.cancel()
    if not answers.exists():
        raise Refused("The machines could not be asked:\n  " + "\n  ".join(last), CRITICAL)


def page(answers: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Make the page, or JSON, of answers; the exit code is that for monitoring."""
    command = [sys.executable, "-m", "status.together", str(answers), *words]
    # Whether it paints is its own business: it writes where we write, unless it writes JSON.
    seen = subprocess.PIPE if "--json" in words else None
    # What services share stands beside them on a machine; here it is found by its path.
    shared = {**os.environ, "PYTHONPATH": str(paths.CHECKOUT / "services/posthouse")}
    return subprocess.run(command, cwd=paths.CHECKOUT / "services/status", env=shared, stdout=seen, text=True, check=False)


def look(inventory: Path, words: Sequence[str], quiet: bool = False) -> tuple[int, dict[str, Any]]:
    """Ask and tell. Returns the exit code, and what --json prints when that is among the words (the page is printed then by nobody)."""
    terminal = sys.stderr.isatty() and not quiet
    count = 0

    def heard(what: str) -> None:
        nonlocal count
        count += 1
        if terminal:
            print(f"\r\x1b[K   {count} answers, the last from {what}", end="", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="posthouse-status-") as folder:
        answers = Path(folder, "answers.json")
        if not quiet and not terminal:
            print("   asking every machine, and the world ...", file=sys.stderr, flush=True)
        try:
            gather(inventory, answers, heard)
        finally:
            if terminal:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        done = page(answers, *words)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Show the page of a site."""
    parser = argparse.ArgumentParser(prog="python3 -m frontdoor.status", description=__doc__)
    parser.add_argument("inventory", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a page")
    parser.add_argument("--all", action="store_true", help="every sentence, of what is fine too")
    given = parser.parse_args(arguments)
    words = [word for word in ("--json", "--all") if getattr(given, word[2:])]
    try:
        code, told = look(given.inventory.resolve(), words, quiet=given.json)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return CRITICAL
    if given.json:
        print(json.dumps(told))
    return code


if __name__ == "__main__":
    raise SystemExit(main())
