"""systemd units: read all in one call, decide, act in order, remember what each one works with."""

from __future__ import annotations

import os
import time

from .digests import Digests, differing
from .packages import last_lines
from .picture import Problem, Unit
from .system import Running, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

UNIT_FILES = "/etc/systemd/system"
KINDS = (".service", ".socket", ".timer", ".path", ".mount", ".automount", ".swap", ".target", ".slice")
PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Type,RemainAfterExit"
SETTLE = 0.2


def ask(names: list[str]) -> Running | None:
    """Start asking systemd for the state of all units, in one call."""
    return Running(["systemctl", "show", "--property", PROPERTIES, "--", *names]) if names else None


def states(names: list[str], asked: Running | None) -> dict[str, dict[str, str]]:
    """Return unit → property → value."""
    if asked is None:
        return {}
    code, output = asked.result()
    blocks = output.strip("\n").split("\n\n")
    if code or len(blocks) != len(names):
        raise Problem(f"systemctl show failed (exit code {code}):\n{last_lines(output, 5)}")
    return {name: dict(line.partition("=")[::2] for line in block.splitlines()) for name, block in zip(names, blocks, strict=True)}


def reload_daemon() -> None:
    """Let systemd read changed unit files."""
    code, output = run(["systemctl", "daemon-reload"])
    if code:
        raise Problem(f"systemctl daemon-reload failed:\n{output.strip()}")


def works_with(unit: Unit, digests: Digests) -> dict[str, dict[str, str]]:
    """Return the digests of what a unit depends on, as the state file remembers them."""
    if unit.masked or unit.state == "stopped":
        return {}
    return {"restart": digests.below(unit.restart), "reload": digests.below(unit.reload)}


def plan(unit: Unit, shown: dict[str, str], now: dict[str, Any], last: dict[str, Any] | None, check: bool) -> list[str]:
    """Return the verbs of systemctl that a unit needs, in order.

    shown: its properties. now and last: what it depends on now, and depended on when this tree last activated it (None: never).
    check: a unit that does not exist is one that its package would bring.
    """
    if unit.masked:
        return [] if shown["UnitFileState"] == "masked" else ["mask"]
    if shown["LoadState"] == "not-found" and not check:
        if unit.state == "stopped" and not unit.enabled:
            return []
        raise Problem(f"there is no unit {unit.name} on the machine: is its package in 'packages', or its file in the tree?")
    verbs = ["unmask"] if shown["LoadState"] == "masked" else []
    return verbs + _for_boot(unit, shown["UnitFileState"]) + _for_now(unit, shown, now, last)


def _for_boot(unit: Unit, state: str) -> list[str]:
    if unit.enabled is None or state in ("static", "alias", "transient", "indirect"):
        return []  # it has no say in it: others pull it in
    if state == "generated":
        # From an init script: systemctl passes enable and disable on to its links (systemd-sysv-install).
        script = unit.name.removesuffix(".service")
        directories = (f"/etc/rc{level}.d" for level in range(2, 6))
        enabled = any(name[:1] == "S" and name[3:] == script for where in directories if os.path.isdir(where) for name in os.listdir(where))
    else:
        enabled = state == "enabled"
    if enabled == unit.enabled:
        return []
    return ["enable" if unit.enabled else "disable"]


def _for_now(unit: Unit, shown: dict[str, str], now: dict[str, Any], last: dict[str, Any] | None) -> list[str]:
    active = shown["ActiveState"] in ("active", "reloading", "activating", "refreshing") and shown["SubState"] != "auto-restart"
    if unit.state == "stopped":
        return ["stop"] if active or shown["ActiveState"] in ("activating", "deactivating") else []
    owes_restart = last is None or bool(differing(last.get("restart", {}), now["restart"]))
    owes_reload = last is None or bool(differing(last.get("reload", {}), now["reload"]))
    if not active:
        done = shown.get("Type") == "oneshot" and shown.get("RemainAfterExit") == "no" and shown["ActiveState"] == "inactive"
        return ["start"] if unit.state == "started" and not (done and not owes_restart and not owes_reload) else []
    if last is None and not now["restart"] and not now["reload"]:
        return []  # nobody knows with which files it runs, but it depends on none
    # A unit that runs already when this tree first meets it, and follows its files by reloads alone, is reloaded: a restart of
    # ssh.service logs "Found left-over process ... in control group" for every session, this one included.
    if owes_restart and (last is not None or now["restart"]):
        return ["restart"]
    return ["reload-or-restart"] if owes_reload else []


def act(unit: Unit, verbs: list[str]) -> None:
    """Do what was planned; raise with the unit's own words when it fails."""
    for verb in verbs:
        if verb in ("start", "restart"):
            # A unit that failed too often refuses to start until it is forgiven (systemd.unit(5), StartLimitBurst).
            run(["systemctl", "reset-failed", unit.name])
        argv = ["systemctl", "mask", "--now", unit.name] if verb == "mask" else ["systemctl", verb, unit.name]
        code, output = run(argv)
        if code:
            raise Problem(f"systemctl {verb} {unit.name} failed:\n{output.strip()}\n{evidence(unit.name)}")


def dead_after_all(names: list[str]) -> list[str]:
    """Return the units, of those just started, that died at once: systemctl is content as soon as a process exists."""
    if not names:
        return []
    time.sleep(SETTLE)
    shown = states(names, ask(names))
    return [name for name in names if shown[name]["ActiveState"] == "failed" or shown[name]["SubState"] == "auto-restart"]


def evidence(name: str) -> str:
    """Return what systemd and the journal say about a unit."""
    status = run(["systemctl", "status", "--no-pager", "--full", "--lines=0", name])[1]
    journal = run(["journalctl", "--no-pager", "--output=cat", "--lines=15", "--unit", name])[1]
    return f"{status.strip()}\nIts last lines in the journal:\n{journal.strip()}"


def defined_by(path: str) -> str | None:
    """Return the unit that a file defines, or None; a drop-in only amends one."""
    directory, _, name = path.rpartition("/")
    return name if directory == UNIT_FILES and name.endswith(KINDS) else None


def retire(names: Iterable[str], known: Iterable[str]) -> None:
    """Stop and disable units whose definition is about to go; of a template all instances, disabled as far as they are known."""
    for name in names:
        stem, at, rest = name.partition("@")
        template = bool(at) and rest in {kind.removeprefix("@") for kind in KINDS}
        instances = [unit for unit in known if template and unit.startswith(f"{stem}@")]
        if template:
            run(["systemctl", "stop", f"{stem}@*{rest}"])
        for unit in instances or ([] if template else [name]):
            code, output = run(["systemctl", "disable", "--now", unit])
            if code:
                raise Problem(f"{unit} is no longer shipped, but systemctl disable --now {unit} failed:\n{output.strip()}")
