"""The machine itself: units, disks, memory, clock, certificates in files."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from . import der
from .findings import Finding, Level, Limits, duration, listed

_DAY = 86400.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def asked(words: Sequence[str], patience: float) -> tuple[int, str, str]:
    """Run a program; return its status, what it printed, and what it complained of. A program that cannot be run has status 127."""
    environment = {"PATH": _PATH, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, "", f"{words[0]} does not answer within {patience:.0f} seconds"
    except OSError as fault:
        return 127, "", f"{words[0]}: {fault.strerror}"
    return done.returncode, done.stdout, done.stderr.strip()


def units(wanted: Sequence[str], patience: float) -> tuple[list[Finding], set[str]]:
    """Say which of the wanted units do not run, and what else has failed. Returns the wanted ones that are down too."""
    status, said, fault = asked(["systemctl", "show", "--property=Id,LoadState,ActiveState,SubState,Result", "--", *wanted], patience)
    if status:
        return [Finding("unit", "systemd", Level.CRITICAL, f"systemd does not say how its units are: {fault}")], set()
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in said.split("\n\n") if block.strip()]
    found, down = [], set()
    for unit, one in zip(wanted, blocks, strict=False):
        # A unit that starts again after a fault is on its way, and so is one that re-reads its files.
        if one.get("ActiveState") not in ("active", "reloading", "activating") or one.get("SubState") == "auto-restart":
            down.add(unit)
            how = "is not there" if one.get("LoadState") == "not-found" else f"is {one.get('ActiveState')} ({one.get('Result')})"
            found.append(
                Finding(
                    "unit", unit, Level.CRITICAL, f"{unit} {how}", f"journalctl -u {unit} -e says why; systemctl start {unit} starts it"
                )
            )
    status, said, fault = asked(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--full"], patience)
    for unit in [line.split()[0] for line in said.splitlines() if line.strip()]:
        if unit not in down:
            says = f"{unit} has failed"
            found.append(
                Finding("unit", unit, Level.WARNING, says, f"journalctl -u {unit} -e says why; systemctl reset-failed {unit} forgets it")
            )
    if not found:
        found.append(Finding("unit", "all", Level.FINE, f"{len(wanted)} units run, none has failed"))
    return found, down


def disks(paths: Sequence[str], limits: Limits) -> list[Finding]:
    """Say how full each disk is, and how full its table of files."""
    seen: set[int] = set()
    found = []
    for path in paths:
        try:
            device, there = Path(path).stat().st_dev, os.statvfs(path)
        except FileNotFoundError:
            continue
        except OSError as fault:
            found.append(Finding("disk", path, Level.WARNING, f"the disk of {path} cannot be looked at: {fault.strerror}"))
            continue
        if device in seen or not there.f_blocks:
            continue
        seen.add(device)
        # As df(1) reckons: what is kept for root counts as used.
        room = there.f_blocks - there.f_bfree + there.f_bavail
        used = 100 * (1 - there.f_bavail / room) if room else 100.0
        files = 100 * (1 - there.f_ffree / there.f_files) if there.f_files else 0.0
        free = there.f_bavail * there.f_frsize
        found.append(
            Finding(
                "disk",
                path,
                max(limits.above(used), limits.above(files)),
                f"the disk of {path} is {used:.0f} % full, {free / (1 << 30):.1f} GiB are free; its table of files {files:.0f} %",
                "du -x --max-depth=2 shows what fills it; a Postfix without room refuses mail for now (4xx) and loses none",
                {"percent": round(used, 1), "files_percent": round(files, 1), "free": free},
            )
        )
    return found


def memory(limits: Limits, text: str | None = None) -> Finding:
    """Say how much memory programs may still have (proc_meminfo(5))."""
    text = Path("/proc/meminfo").read_text(encoding="ascii") if text is None else text
    sizes = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    percent = 100 * sizes["MemAvailable"] / sizes["MemTotal"]
    return Finding(
        "memory",
        "free",
        limits.below(percent),
        f"{percent:.0f} % of {sizes['MemTotal'] / (1 << 20):.1f} GiB of memory are to be had",
        "systemd-cgtop -m shows who has it; journalctl -k -g 'Out of memory' whether the kernel has already ended somebody",
        {"percent": round(percent, 1)},
    )


def clock(limits: Limits, patience: float) -> Finding:
    """Say how far the clock is from those that chrony asks (chronyc(1), tracking in CSV: the fifth field is the offset)."""
    status, said, fault = asked(["chronyc", "-n", "-c", "tracking"], patience)
    fields = said.strip().split(",")
    remedy = "chronyc sources says whom it asks and who answers; wrong clocks spoil DNSSEC, certificates and the order of changes"
    if status or len(fields) < 14:
        return Finding(
            "clock", "chrony", Level.CRITICAL, f"chrony does not answer: {fault or said.strip()}", "systemctl status chrony says why"
        )
    if fields[13] == "Not synchronised":
        return Finding("clock", "chrony", Level.CRITICAL, "the clock follows no server of time", remedy)
    offset = abs(float(fields[4]))
    return Finding("clock", "chrony", limits.above(offset), f"the clock is {offset * 1000:.1f} ms off", remedy, {"seconds": offset})


def certificates(paths: Sequence[str], limits: Limits, now: float | None = None) -> list[Finding]:
    """Say how long the certificates in files are still good."""
    found = []
    for path in paths:
        try:
            data = der.of_file(Path(path).read_text(encoding="ascii"))
            end = der.ends(data).timestamp()
        except (OSError, ValueError) as fault:
            found.append(
                Finding(
                    "certificate", path, Level.CRITICAL, f"{path} cannot be read: {fault}", "ansible-playbook playbooks/site.yml writes it"
                )
            )
            continue
        left = end - (time.time() if now is None else now)
        how = f"is good for {duration(left)} more" if left > 0 else f"has been invalid for {duration(left)}"
        found.append(
            Finding(
                "certificate",
                path,
                limits.below(left / _DAY),
                f"{path} {how}",
                "ansible-playbook playbooks/site.yml renews what is due; a run that was long ago is the usual reason",
                {"days": int(left // _DAY)},
            )
        )
    return found


def away(unit: str, names: Sequence[str]) -> Finding:
    """One line for what nobody can answer because its unit does not run: the unit's own finding says it all."""
    return Finding("unit", unit, Level.FINE, f"{listed(names)} not asked, since {unit} does not run")
