"""Make, start and remove the lab's machines: one systemd container for each host of the inventory, or one with a virtual machine."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frontdoor import depot, engine, host, image, kernel, network, paths, remains, ssh, virtual, virtual_image
from frontdoor.inventory import Machine

Report = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What was done: names of machines."""

    created: list[str]
    started: list[str]
    removed: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything was."""
        return bool(self.created or self.started or self.removed)


def fingerprint(machine: Machine) -> str:
    """What a container cannot change while it lives; a difference means it has to be made anew."""
    decisive: list[object] = [machine.name, machine.legs(), machine.resolvers, machine.domain]
    # What a virtual machine is told lies in its container; addresses of IPv6 are part of it.
    decisive += [machine.storage_hardware_address] if machine.storage_hardware_address else []
    decisive += [machine.virtual, machine.legs6(), virtual.words(machine)] if machine.virtual else []
    return hashlib.sha256(repr(decisive).encode()).hexdigest()[:16]


def _create(machine: Machine, mirror: str) -> None:
    network.connect(machine)
    labels = {"posthouse.machine": fingerprint(machine), "posthouse.checkout": str(paths.CHECKOUT)}
    if machine.virtual:
        virtual.create(machine, labels, mirror)
        return
    words = ["create", "--name", machine.name, "--hostname", machine.name, "--no-hosts", "--pids-limit=-1"]
    words += ["--systemd=always", "--privileged", f"--cgroup-parent={engine.CGROUP_PARENT}", "--stop-timeout=20"]
    words += [word for label, value in labels.items() for word in ("--label", f"{label}={value}")]
    words += [f"--network=ns:{network.space(machine.name)}"]
    # podman writes resolv.conf anew at every start, so what it shall say is part of the machine.
    words += [f"--dns={address}" for address in machine.resolvers] or ["--dns=none"]
    words += [f"--dns-search={machine.domain or '.'}"]
    if host.control_groups() is host.ControlGroups.HYBRID:
        words += ["--volume=/sys/fs/cgroup/unified:/sys/fs/cgroup:rw"]
    engine.podman(*words, image.BASE, "/sbin/init")
    root = Path(engine.podman("mount", machine.name).stdout.strip())
    try:
        _furnish(machine, root)
    finally:
        engine.podman("unmount", machine.name, check=False)


def _furnish(machine: Machine, root: Path) -> None:
    """Give a new machine its host key, our key, its package sources and its name, as an installer would."""
    key = ssh.host_key(machine.name)
    _put(root / "etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600)
    _put(root / "etc/ssh/ssh_host_ed25519_key.pub", key.with_name(key.name + ".pub").read_text())
    _put(root / "root/.ssh/authorized_keys", ssh.authorized_key() + "\n", 0o600)
    _put(root / "etc/apt/sources.list.d/debian.sources", machine.sources)
    _put(root / "etc/hostname", machine.name + "\n")


def _put(file: Path, text: str, mode: int = 0o644) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
        out.write(text)


def present(machines: Sequence[Machine], everyone: Sequence[Machine], report: Report, mirror: str = "") -> Outcome:
    """Have these machines running and let in by ssh; ``everyone`` are all that the inventory names."""
    prepare(report)
    for sentence in remains.clean():
        report(sentence)
    network.define()
    known = {str(one["Names"][0]): one for one in engine.containers()}
    gone = _unwanted(known, everyone)
    gone += _unfinished([one for one in machines if one.name in known and one.name not in gone], known)
    _remove(gone)
    network.forget([*known, *(one.name for one in everyone)])
    missing = [one for one in machines if one.name not in known or one.name in gone]
    there = [one for one in machines if one not in missing]
    cut_off = [one for one in there if known[one.name]["State"] == "running" and not network.is_connected(one)]
    for one in cut_off:
        report(f"{one.name} had lost its cables: it is started again.")
        engine.podman("stop", one.name)
    idle = [one for one in there if one in cut_off or known[one.name]["State"] != "running"]
    ssh.write(everyone)
    ssh.authorized_key()
    if missing or idle:
        ssh.hang_up()
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda one: _create(one, mirror), missing))
        list(pool.map(lambda one: _start(one, report), [*missing, *idle]))
    for one in (one for one in [*missing, *idle] if one.virtual):
        report(f"{one.name} boots, emulated: half a minute, up to {virtual.BOOT / 60:.0f} minutes on a busy host.")
    depot.ensure(report, mirror)
    with ThreadPoolExecutor(max_workers=4) as pool:
        for name in pool.map(_settled, [*missing, *idle]):
            report(f"{name} is up")
    return Outcome([one.name for one in missing], [one.name for one in idle], gone)


def prepare(report: Report) -> None:
    """Make this host ready for our podman; a lab of another cache folder is stopped first, for the addresses are the same."""
    if other := remains.other_cache():
        report(f"The lab of {other} is stopped.")
        remains.halt(other)
    remains.forget_earlier_boot()
    engine.prepare()
    kernel.prepare()


def _unwanted(known: dict[str, dict[str, Any]], everyone: Sequence[Machine]) -> list[str]:
    """Machines of another checkout, of an interrupted scenario, or with addresses that the inventory no longer gives them."""
    wanted = {one.name: one for one in everyone}
    others = (depot.NAME, *virtual_image.BUILDERS)
    return [name for name, one in known.items() if name not in others and not (name in wanted and _fits(wanted[name], one))]


def _unfinished(machines: Sequence[Machine], known: dict[str, dict[str, Any]]) -> list[str]:
    """Virtual machines whose making was interrupted; they would be started for ever and let nobody in."""
    off = (one.name for one in machines if one.virtual and known[one.name]["State"] != "running")
    return [name for name in off if not virtual.is_furnished(name)]


def _remove(names: Sequence[str]) -> None:
    engine.remove(names)
    for name in names:
        network.disconnect(name)


def _fits(machine: Machine, container: dict[str, Any]) -> bool:
    labels = container.get("Labels") or {}
    return labels.get("posthouse.machine") == fingerprint(machine) and labels.get("posthouse.checkout") == str(paths.CHECKOUT)


def _start(machine: Machine, report: Report) -> None:
    network.connect(machine)
    if engine.podman("start", machine.name, check=False).returncode:
        report(f"{machine.name} did not start at once: its leftovers are removed and it is started again")
        engine.podman("container", "cleanup", machine.name, check=False)
        engine.podman("start", machine.name)


def _settled(machine: Machine) -> str:
    if machine.virtual:
        virtual.await_boot(machine.name)
    else:
        ssh.wait(machine.name)
    return machine.name


def absent(names: Sequence[str]) -> Outcome:
    """Remove these machines; with the last of them goes everything else that the lab put on this host."""
    if not paths.STORE.exists():
        return Outcome([], [], [])
    prepare(lambda _sentence: None)
    remains.clean()
    there = [str(one["Names"][0]) for one in engine.containers()]
    gone = [name for name in names if name in there]
    _remove(gone)
    if not set(there) - set(gone) - {depot.NAME}:
        remains.everything()
    return Outcome([], [], gone)
