"""The linters, one table; each must end with no finding."""

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from frontdoor import paths, shell
from frontdoor.errors import Refused
from frontdoor.stages import Stages, environment

TWO = 2  # at a time: most of them use one core


def _scripts() -> list[str]:
    """Every shell script that git knows, by its first line."""
    # The checkout may belong to somebody else than root, as in most CI.
    listed = shell.run(
        ["git", "-c", "safe.directory=*", "-C", str(paths.CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    )
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        file = paths.CHECKOUT / name
        if file.is_file():
            with file.open("rb") as text:
                first = text.readline(80)
            if first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"bash")) and "/templates/" not in name:
                found.append(name)
    return found


def table() -> dict[str, list[str]]:
    """Name to command."""
    syntax = ["ansible-playbook", "--syntax-check", "playbooks/site.yml", "--inventory"]
    commands = {
        "ansible-lint": ["ansible-lint", "--offline", "-q"],
        "mypy": ["mypy"],
        "ruff": ["ruff", "check", "--quiet"],
        "ruff-format": ["ruff", "format", "--check", "--quiet"],
        "yamllint": ["yamllint", "--strict", "."],
        "shellcheck": ["shellcheck", *_scripts()],
    }
    sites = sorted(folder.parent.name for folder in (paths.CHECKOUT / "inventory").glob("*/hosts.yml"))
    return commands | {f"syntax-{site}": [*syntax, f"inventory/{site}"] for site in sites}


def _one(name: str, argv: Sequence[str]) -> tuple[str, int, float, str]:
    begun = time.monotonic()
    done = subprocess.run(
        argv, cwd=paths.CHECKOUT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    text = done.stdout + done.stderr
    (paths.LOGS / f"lint-{name}.log").write_text(text)
    return name, done.returncode, time.monotonic() - begun, text


def run(stages: Stages, only: Sequence[str] = ()) -> list[str]:
    """Run them all, or those named; the answer names those that found something."""
    commands = table()
    if unknown := [name for name in only if name not in commands]:
        raise Refused(f"There is no linter {unknown[0]}; there are {', '.join(commands)}.")
    chosen = {name: argv for name, argv in commands.items() if not only or name in only}
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    failed = []
    waiting = list(chosen)
    with stages.stage("lint"), ThreadPoolExecutor(max_workers=TWO) as pool:
        stages.at(", ".join(waiting))
        for name, status, wall, text in pool.map(lambda item: _one(item[0], stages.words(item[1])), chosen.items()):
            stages.say(f"{name}: {'found something' if status else 'no finding'} ({wall:.1f} s)")
            waiting.remove(name)
            stages.at(", ".join(waiting))
            if status:
                failed.append(name)
                print(text, file=sys.stderr)
    return failed
