"""systemd units: read all in one call, decide, act in order, remember what each one works with."""

from __future__ import annotations

import glob
import time

from .digests import Digests, differing
from .packages import last_lines
from .picture import Problem, Unit
from .system import Running, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Type,RemainAfterExit,Result"


def ask(units: list[Unit]) -> Running | None:
    """Start asking systemd for the state of all units, in one call."""
    return Running(["systemctl", "show", "--property", PROPERTIES, *[unit.name for unit in units]]) if units else None


def states(units: list[Unit], asked: Running | None) -> dict[str, dict[str, str]]:
    """Return unit → property → value."""
    if asked is None:
        return {}
    code, output = asked.result()
    blocks = output.strip("\n").split("\n\n")
    if code or len(blocks) != len(units):
        raise Problem(f"systemctl show failed (exit code {code}):\n{last_lines(output, 5)}")
    return {
        unit.name: dict(line.partition("=")[::2] for line in block.splitlines())
        for unit, block in zip(units, blocks, strict=True)
    }


def reload_daemon() -> None:
    """Let systemd read changed unit files."""
    code, output = run(["systemctl", "daemon-reload"])
    if code:
        raise Problem(f"systemctl daemon-reload failed:\n{output.strip()}")


def plan(unit: Unit, shown: dict[str, str], digests: Digests, last: dict[str, Any] | None, predicting: bool) -> tuple[list[str], dict[str, Any]]:
    """Return what to do with a unit (verbs of systemctl) and what it will then have been activated with."""
    if unit.masked:
        return ([] if shown["UnitFileState"] == "masked" else ["mask"]), {}
    if shown["LoadState"] == "not-found" and not predicting:
        raise Problem(f"there is no unit {unit.name} on the machine: is its package in 'packages', or its file in the tree?")
    verbs = []
    if shown["LoadState"] == "masked":
        verbs.append("unmask")
    if unit.enabled is not None:
        enabled = _is_enabled(unit.name, shown["UnitFileState"])
        if unit.enabled and enabled is not True and enabled is not None:
            verbs.append("enable")
        elif not unit.enabled and enabled:
            verbs.append("disable")
    now = {"restart": digests.below(unit.restart), "reload": digests.below(unit.reload)}
    active = shown["ActiveState"] in ("active", "reloading", "activating") and shown["SubState"] != "auto-restart"
    if unit.state == "stopped":
        return verbs + (["stop"] if shown["ActiveState"] not in ("inactive", "failed") else []), {}
    if not active and _ends_by_itself(shown):
        due = last is None or differing(last.get("restart", {}), now["restart"]) or differing(last.get("reload", {}), now["reload"])
        return verbs + (["start"] if unit.state == "started" and (due or shown["ActiveState"] == "failed") else []), now
    if not active:
        return verbs + (["start"] if unit.state == "started" else []), now
    if last is None:
        # Nobody knows with which files it runs. Without files it depends on there is nothing to owe.
        return verbs + (["restart"] if now["restart"] or now["reload"] else []), now
    if differing(last.get("restart", {}), now["restart"]):
        verbs.append("restart")
    elif differing(last.get("reload", {}), now["reload"]):
        verbs.append("reload-or-restart")
    return verbs, now


def act(unit: Unit, verbs: list[str]) -> None:
    """Do what was planned; raise with the unit's own words when it fails."""
    for verb in verbs:
        if verb in ("start", "restart") :
            # A unit that failed too often refuses to start until it is forgiven (systemd.unit(5), StartLimitBurst).
            run(["systemctl", "reset-failed", unit.name])
        argv = ["systemctl", "mask", "--now", unit.name] if verb == "mask" else ["systemctl", verb, unit.name]
        code, output = run(argv)
        if code:
            raise Problem(f"systemctl {verb} {unit.name} failed:\n{output.strip()}\n{evidence(unit.name)}")


def confirm(units: list[Unit]) -> None:
    """Raise when a unit that was just started has died already: systemctl is content once the process exists."""
    if not units:
        return
    time.sleep(0.2)
    for unit in units:
        shown = states([unit], ask([unit]))[unit.name]
        if shown["ActiveState"] == "failed" or shown["SubState"] == "auto-restart":
            raise Problem(f"{unit.name} was started and died:\n{evidence(unit.name)}")


def evidence(name: str) -> str:
    """Return what systemd and the journal say about a unit."""
    status = run(["systemctl", "status", "--no-pager", "--full", "--lines=0", name])[1]
    journal = run(["journalctl", "--no-pager", "--output=cat", "--lines=15", "--unit", name])[1]
    return f"{status.strip()}\nIts last journal lines:\n{journal.strip()}"


def _is_enabled(name: str, state: str) -> bool | None:
    """Return whether a unit starts at boot; None when it has no say in it (static, generated from elsewhere, alias)."""
    if state in ("enabled", "linked-runtime"):
        return True
    if state == "generated":
        # From an init script: systemctl enable works on its links (systemd-sysv-install).
        return bool(glob.glob(f"/etc/rc[2345].d/S[0-9][0-9]{name.removesuffix('.service')}"))
    if state in ("static", "alias", "transient"):
        return None
    return False


def _ends_by_itself(shown: dict[str, str]) -> bool:
    return shown.get("Type") == "oneshot" and shown.get("RemainAfterExit") == "no"
