"""Look at this machine: everything side by side, each with no more rights than it needs, and all of it within a few seconds."""

from __future__ import annotations

import concurrent.futures
import contextlib
import grp
import json
import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from . import machine, ports, programs, queues, replication
from .findings import Finding, Level, Limits, restored, visible
from .settings import Port, Program, Settings

#: How the part of the work that is ours is called, as another account.
LOOK = "look"


def report(settings: Settings, again: Sequence[str]) -> dict[str, Any]:
    """Look at everything and tell: machine, at (seconds since 1970), seconds, findings.

    again: the words that start this command; with ``look`` behind them it does the work of ``here``.
    """
    began = time.monotonic()
    asked = [Program(LOOK, [*again, LOOK], settings.account, settings.groups), *settings.programs]
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(asked)) as pool:
        answers = list(pool.map(lambda program: _ask(program, settings), asked))
    found = _ours(answers[0])
    down = {one.about for one in found if one.check == "unit" and one.level is Level.CRITICAL}
    for program, (status, output, fault) in zip(settings.programs, answers[1:], strict=True):
        if program.unit in down:
            found.append(machine.away(program.unit, [program.name]))
        else:
            found += programs.read(program.name, output, status, fault, settings)
    return {
        "machine": socket.gethostname(),
        "at": round(time.time(), 3),
        "seconds": round(time.monotonic() - began, 2),
        "findings": [one.told() for one in found],
    }


def here(settings: Settings) -> list[Finding]:
    """Everything for which no other service is asked."""
    patience = max(1.0, min(6.0, settings.patience / 2))
    found, down = machine.units(settings.units, patience)
    tasks: list[tuple[str, str, Callable[[], list[Finding]]]] = [
        ("disk", "", lambda: machine.disks(settings.disks, settings.disk_percent)),
        ("memory", "", lambda: [machine.memory(settings.memory_percent)]),
        ("certificate", "", lambda: machine.certificates(settings.certificates, settings.certificate_days)),
    ]
    if settings.clock:
        tasks.append(("clock", "", lambda: [machine.clock(settings.clock_seconds, patience)]))
    if directory := settings.directory:
        tasks.append(("directory", directory.unit, lambda: [replication.look(directory, settings.replication_seconds, patience / 2)]))
    tasks += [(f"queue {one.name}", one.unit, partial(queues.look, one, patience)) for one in settings.queues]
    if settings.ports:
        ca = Path(settings.ca).read_text(encoding="ascii") if settings.ca else None
        limits, old = settings.certificate_days, settings.old_tls
        tasks += [(f"port {one.port}", one.unit, partial(_port, one, ca, limits, patience / 2, old)) for one in settings.ports]
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        running = [pool.submit(task) for _, unit, task in tasks if unit not in down]
        for one in running:
            found += one.result()
    for unit in sorted(down):
        if names := [name for name, of, _ in tasks if of == unit]:
            found.append(machine.away(unit, names))
    return found


def _port(port: Port, ca: str | None, days: Limits, patience: float, old: bool) -> list[Finding]:
    return [ports.look(port, ca, days, patience, old)]


def _ours(answer: tuple[int, str, str]) -> list[Finding]:
    status, output, fault = answer
    try:
        return [restored(one) for one in json.loads(output)]
    except (ValueError, TypeError):
        why = visible(fault.splitlines()[-1] if fault else f"status {status}")
        return [Finding("status", "itself", Level.CRITICAL, f"the machine cannot be looked at: {why}", "status look says more, as root")]


def _ask(program: Program, settings: Settings) -> tuple[int, str, str]:
    """Run a command as its account; return its status, what it printed, and what it complained of."""
    identity: dict[str, Any] = {}
    try:
        if program.account and os.geteuid() == 0:
            account = pwd.getpwnam(program.account)
            own = os.getgrouplist(program.account, account.pw_gid)
            identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [*own, *_known(program.groups)]}
        process = subprocess.Popen(
            program.run,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            **identity,
        )
    except KeyError:
        return 127, "", f"there is no account {program.account}"
    except OSError as fault:
        return 127, "", f"{program.run[0]}: {fault.strerror}"
    try:
        out, err = process.communicate(timeout=settings.patience)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, 9)
        process.communicate()
        return 124, "", f"it does not answer within {settings.patience} seconds"
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace").strip()


def _known(groups: Sequence[str]) -> list[int]:
    """Numbers of those groups that exist: what a missing one would have allowed says so itself."""
    numbers = []
    for name in groups:
        with contextlib.suppress(KeyError):
            numbers.append(grp.getgrnam(name).gr_gid)
    return numbers


def command() -> list[str]:
    """The words that start this command again."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return [sys.executable, "-m", "status"]
    return [sys.executable, "-IB", str(script.resolve())]
