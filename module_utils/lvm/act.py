"""Steps done, one after the other. Whatever ends a run between two of them, the next run sees how far it came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import machine
from .plan import MADE, Step
from .seen import FRESH

#: Longer than the mount's own TimeoutSec.
_SOON = 240.0


def do(step: Step) -> None:
    """Do one step. Raises machine.CommandError or OSError."""
    _DEEDS[step.kind](*step.words)


def release(*, check: bool) -> list[str]:
    """Make the mount points of a machine that has none any more directories like any others. Returns their paths.

    check: nothing is changed.
    """
    made = machine.remembered(MADE)
    paths = [path for path in made if path.startswith("/") and Path(path).is_dir() and not Path(path).is_mount()]
    if paths and not check:
        for path in paths:
            machine.allow(path)
        machine.remember(MADE, {name: identity for name, identity in made.items() if name not in paths})
    return paths


def _owner(group: str, old: str, new: str) -> None:
    extra = ["--config", f'local/extra_system_ids=["{old}"]'] if old else []
    machine.run(["vgchange", "--yes", *extra, "--systemid", new, group])


def _create(group: str, *nodes: str) -> None:
    # Without --yes: should anything be found that nobody has seen before, LVM asks, nobody answers, and that is a no.
    # Activation is ours: posthouse-storage.service waits until all devices are there.
    machine.run(["vgcreate", "--setautoactivation", "n", group, *nodes])


def _extend(group: str, *nodes: str) -> None:
    machine.run(["vgextend", group, *nodes])


def _resize(node: str) -> None:
    machine.run(["pvresize", node])


def _activate(group: str) -> None:
    machine.run(["vgchange", "--activate", "y", "--activationmode", "complete", group])
    machine.run(["udevadm", "settle", "--timeout=20"])


def _volume(group: str, name: str, size: str) -> None:
    words = ["--yes", "--wipesignatures", "y", "--zero", "y", "--addtag", FRESH]
    machine.run(["lvcreate", *words, "--name", name, "--size", f"{size}b", group])


def _format(group: str, name: str, *words: str) -> None:
    node = f"/dev/{group}/{name}"
    if machine.xfs_on(node)[0]:
        raise machine.CommandError(f"{node} carries a whole XFS since it was looked at: it is not formatted")
    machine.run(["mkfs.xfs", "-q", "-f", *words, node], seconds=3600)
    _formatted(group, name)


def _formatted(group: str, name: str) -> None:
    machine.run(["lvchange", "--deltag", FRESH, f"{group}/{name}"])


def _lengthen(group: str, name: str, size: str) -> None:
    machine.run(["lvextend", "--size", f"{size}b", f"{group}/{name}"])


def _mount(path: str) -> None:
    # Its unit brings posthouse-storage.service along; that has to be there when the machine stops, to deactivate after unmounting.
    unit = machine.run(["systemd-escape", "--path", "--suffix=mount", path]).strip()
    machine.run(["systemctl", "start", unit], seconds=_SOON)
    if not Path(path).is_mount():
        raise machine.CommandError(f"{path} is not mounted: 'systemctl status {unit}' says why")


def _grow(path: str) -> None:
    machine.run(["xfs_growfs", "-d", path])


_DEEDS: dict[str, Callable[..., None]] = {
    "erase": machine.erase,
    "owner": _owner,
    "create": _create,
    "extend": _extend,
    "resize": _resize,
    "activate": _activate,
    "volume": _volume,
    "format": _format,
    "formatted": _formatted,
    "lengthen": _lengthen,
    "point": machine.forbid,
    "mount": _mount,
    "grow": _grow,
}
