"""Volume groups are activated when all their devices are there, and not by udev, which passes over AoE devices."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from posthouse.journal import NOTICE

from .programs import ENVIRONMENT
from .settings import Device, Settings

_LOG = logging.getLogger(__name__)
_SYSTEM = Path("/")
#: Seconds between two looks, and between two lines about the same silence.
_AGAIN, _REMIND = 2.0, 3600.0
_HALF_A_MINUTE = 30.0
#: Seconds that a shelf has for its answer when the machine stops.
_LAST_PATIENCE = "20"

Run = Callable[[Sequence[str]], tuple[int, str]]


def run(command: Sequence[str]) -> tuple[int, str]:
    """Run a command; return its exit code and what it said."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False, env=ENVIRONMENT
    )
    return done.returncode, done.stdout.strip()


def there(device: Device, system: Path = _SYSTEM) -> bool:
    """Whether the kernel has the device, and its shelf has answered."""
    if device.aoe:
        state = system / f"sys/block/etherd!e{device.aoe}/state"
        try:
            return state.read_text().strip().startswith("up") and (system / device.node.lstrip("/")).is_block_device()
        except OSError:
            return False
    return (system / device.node.lstrip("/")).is_block_device()


def activate(settings: Settings, ask: Run = run, sleep: Callable[[float], None] = time.sleep) -> int:
    """Wait for the devices as long as it takes, then activate the groups. Return the exit code."""
    groups = [group.name for group in settings.groups]
    if not settings.active or not groups:
        return 0
    if any(device.aoe for device in settings.devices):
        code, said = ask(["modprobe", "aoe"])
        if code:
            _LOG.error("the kernel has no AoE: %s", said)
            return 1
    told = False
    while True:
        _wait(settings, ask, sleep)
        if foreign := _foreign(settings, ask):
            _LOG.error(
                "group %s belongs to %s, and this machine is %s: not activated. playbooks/failover-mailstore.yml takes a group over",
                *foreign,
                settings.machine,
            )
            return 1
        code, said = ask(["vgchange", "--activate", "y", "--activationmode", "complete", *groups])
        if not code:
            return 0
        if not told:
            _LOG.error("%s could not be activated, and is tried again: %s", ", ".join(groups), said)
        told = True
        sleep(_HALF_A_MINUTE)


def _wait(settings: Settings, ask: Run, sleep: Callable[[float], None]) -> None:
    begin, told, looked = time.monotonic(), 0.0, time.monotonic()
    while missing := [device for device in settings.devices if not there(device)]:
        now = time.monotonic()
        if any(device.aoe for device in missing):
            discover(settings)
        names = ", ".join(f"{device.name} ({device.aoe or device.node})" for device in missing)
        if now - looked > _HALF_A_MINUTE:
            looked = now
            # A run that was refused, for a LUN that is not there yet, has written it into the settings all the same.
            if _whole(settings, ask):
                _LOG.log(NOTICE, "%s: no answer, and no group lies on it: nothing waits for it", names)
                return
        if now - begin > _HALF_A_MINUTE and (not told or now - told > _REMIND):
            told = now
            _LOG.log(NOTICE, "%s: no answer. What lives on it waits, and starts when it is there", names)
        sleep(_AGAIN if told else _AGAIN / 4)
    if told:
        _LOG.log(NOTICE, "all devices are there after %.0f seconds", time.monotonic() - begin)


def _whole(settings: Settings, ask: Run) -> bool:
    """Whether LVM sees all groups, and all parts of each."""
    _, said = ask(["vgs", "--foreign", "--noheadings", "--separator=:", "--options=vg_name,vg_missing_pv_count"])
    missing = dict(line.strip().split(":", 1) for line in said.splitlines() if ":" in line)
    return all(missing.get(group.name) == "0" for group in settings.groups)


def discover(settings: Settings) -> None:
    """Let the driver ask who is there; it does so by itself once a minute only."""
    control = _SYSTEM / "dev/etherd"
    try:
        (control / "interfaces").write_text(settings.interface)
        (control / "discover").write_text("discover")
    except OSError as fault:
        _LOG.debug("%s", fault)


def _foreign(settings: Settings, ask: Run) -> tuple[str, str] | None:
    """Return the first group of another machine, and that machine."""
    _, said = ask(["vgs", "--foreign", "--noheadings", "--separator=:", "--options=vg_name,vg_systemid"])
    lines = [line.strip().split(":", 1) for line in said.splitlines() if ":" in line]
    for group in settings.groups:
        # Another machine's group may have the same name; LVM then takes ours.
        owners = [owner for name, owner in lines if name == group.name]
        if owners and not {"", settings.machine} & set(owners):
            return group.name, owners[0]
    return None


def deactivate(settings: Settings, names: Sequence[str] = (), ask: Run = run, system: Path = _SYSTEM) -> int:
    """Deactivate groups, so that no other machine finds them in use. Return the exit code. names: all of the settings if not given."""
    groups = list(names) or [group.name for group in settings.groups]
    # No unit mounts snapshots, so none unmounts them, and one that is mounted would keep its group.
    for mount in (system / "proc/self/mounts").read_text().splitlines() if groups else ():
        where = mount.split()[1]
        if where.startswith(f"{settings.snapshots}/"):
            ask(["umount", where])
    code, said = ask(["vgchange", "--activate", "n", *groups]) if groups else (0, "")
    if code:
        _LOG.error("%s could not be deactivated: %s", ", ".join(groups), said)
    return int(bool(code))


def hurry(ask: Run = run, system: Path = _SYSTEM) -> int:
    """When the machine is about to stop, let the driver give up a shelf that does not answer. Return the exit code.

    What waits fails then, and none of that was acknowledged.
    """
    _, state = ask(["systemctl", "is-system-running"])
    if state == "stopping":
        (system / "sys/module/aoe/parameters/aoe_deadsecs").write_text(_LAST_PATIENCE)
    return 0
