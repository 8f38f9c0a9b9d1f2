"""Find and remove what a run that was killed, or an earlier boot, left on this host."""

import contextlib
import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from frontdoor import engine, kernel, network, paths, shell, ssh

QUIET = ("created", "configured", "exited")  # states from which a container can simply be started


def _groups() -> list[Path]:
    """Our control groups, one for each mounted hierarchy."""
    top = Path("/sys/fs/cgroup")
    name = engine.CGROUP_PARENT.strip("/")
    return [folder / name for folder in (top, *top.iterdir()) if (folder / name).is_dir()]


def _alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        return process > 0 and Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def _members(group: Path) -> set[int]:
    """Every process in a control group and those below it."""
    found: set[int] = set()
    for file in group.rglob("cgroup.procs"):
        with contextlib.suppress(OSError):
            found |= {int(line) for line in file.read_text().split()}
    return found


def _grouped() -> set[str]:
    """Identities of the containers that have a control group of ours."""
    found = (re.search(r"[0-9a-f]{64}", folder.name) for group in _groups() for folder in group.glob("libpod-*"))
    return {match[0] for match in found if match}


def _processes(container: str) -> set[int]:
    """Every process in a container's control groups that still lives; the dead may wait there for an idle init to reap them."""
    found = {process for group in _groups() for folder in group.glob(f"libpod*{container}*") for process in _members(folder)}
    return {process for process in found if _alive(process)}


def kill_group(container: str) -> None:
    """End every process of a container by its control group; works when its monitor cannot be asked any more."""
    for _ in range(50):
        processes = _processes(container)
        if not processes:
            return
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)


def remove_groups(keep: set[str]) -> None:
    """Remove our control groups but for those of the containers to keep."""
    for group in _groups():
        folders = sorted((folder for folder in group.rglob("*") if folder.is_dir()), key=lambda folder: -len(folder.parts))
        for folder in [*folders, group]:
            if not any(name in str(folder) for name in keep):
                with contextlib.suppress(OSError):
                    folder.rmdir()


def forget_earlier_boot() -> None:
    """Drop the run state of an earlier boot where /run is no tmpfs: podman would take it for today's."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    mark = paths.RUN / "boot"
    if paths.RUN.exists() and (not mark.exists() or mark.read_text() != boot):
        if mark.exists():
            _unmount(paths.RUN)
            shutil.rmtree(paths.RUN)
        paths.RUN.mkdir(parents=True, exist_ok=True, mode=0o700)
        mark.write_text(boot)


def _listed() -> list[dict[str, Any]]:
    """Our containers as podman sees them after asking the runtime, or nothing when its run state is damaged."""
    found = engine.podman("ps", "--all", "--sync", "--format", "json", check=False)
    if found.returncode:
        raise ValueError(found.stderr)
    rows: list[dict[str, Any]] = json.loads(found.stdout or "[]")
    return rows


def _settle(identity: str, name: str) -> None:
    """Let podman believe that a container without a monitor has ended: the monitor would have written its exit file."""
    kill_group(identity)
    exits = paths.RUN / "libpod" / "exits"
    exits.mkdir(parents=True, exist_ok=True)
    (exits / identity).write_text("137")
    engine.podman("ps", "--all", "--sync", check=False)
    engine.podman("container", "cleanup", name, check=False)


def _repaired() -> tuple[list[dict[str, Any]], list[str]]:
    """Our containers, after podman's run state was made anew if it had to be."""
    try:
        return _listed(), []
    except ValueError:
        shutil.rmtree(paths.RUN / "libpod", ignore_errors=True)
        engine.podman("system", "renumber", check=False)
        return _listed(), ["Podman's run state was damaged: it is made anew."]


def clean() -> list[str]:
    """Bring containers, networks and control groups to a state that podman can work with; sentences about what was odd."""
    rows, said = _repaired()
    running: set[str] = set()
    names = {str(row["Id"]): str(row["Names"][0]) for row in rows}
    form = "{{.Id}} {{.State.Pid}} {{.State.ConmonPid}} {{.State.Status}}"
    # What is built beside the lab may end meanwhile, and is not asked then; or begin, and is not judged.
    asked = engine.podman("container", "inspect", "--format", form, *names, check=False) if names else None
    for line in asked.stdout.splitlines() if asked else []:
        identity, process, monitor, status = line.split()
        if status == "running" and _alive(int(process)) and _alive(int(monitor)):
            running.add(identity)
        elif status in ("running", "stopping", "paused"):
            said.append(f"{names[identity]} had lost its monitor: it is stopped.")
            _settle(identity, names[identity])
        elif status not in QUIET:
            engine.podman("container", "cleanup", names[identity], check=False)
    # What none of this helped is made anew.
    for row in _listed():
        if row["Id"] in names and row["Id"] not in running and row["State"] not in QUIET:
            said.append(f"{row['Names'][0]} was {row['State']}: it is removed.")
            engine.remove([row["Names"][0]])
    said += _end_strangers()
    if not running:
        for root in (Path("/run/runc"), Path("/run/crun")):
            for identity in names:
                shutil.rmtree(root / identity, ignore_errors=True)
    remove_groups(running)
    return said


def _end_strangers() -> list[str]:
    """End the processes in our control groups that belong to no container podman knows."""
    said = []
    # In this order: podman knows a container before it has a control group, and one may be starting.
    grouped = _grouped()
    for identity in sorted(grouped - {str(row["Id"]) for row in _listed()}):
        if _processes(identity):
            said.append("Processes of a machine that podman no longer knows are ended.")
            kill_group(identity)
    return said


def everything() -> None:
    """Remove all that the lab put on this host outside the checkout and the cache folder."""
    engine.podman("rm", "--all", "--force", "--time", "0", check=False)
    clean()
    halt(paths.CACHE)


def halt(cache: Path) -> None:
    """End every process of the lab and remove its run state; its containers stay in the store of ``cache``, stopped."""
    ssh.hang_up()
    for identity in _grouped():
        kill_group(identity)
    for monitor in _monitors():
        with contextlib.suppress(ProcessLookupError):
            os.kill(monitor, signal.SIGKILL)
    network.sweep()
    remove_groups(set())
    _unmount(cache / paths.STORE.name)
    _unmount(paths.RUN)
    kernel.restore()
    shutil.rmtree(paths.RUN, ignore_errors=True)


def _monitors() -> set[int]:
    """Podman's monitors of our containers: they share a control group beside the containers' own."""
    return {process for group in _groups() for process in _members(group / "conmon") if _alive(process)}


def other_cache() -> Path | None:
    """The cache folder of the lab that has this host, when it is not ours."""
    mark = paths.RUN / "cache"
    if mark.exists() and mark.read_text() != str(paths.CACHE):
        return Path(mark.read_text())
    return None


def _unmount(below: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if Path(mount).is_relative_to(below)), reverse=True):
        shell.run(["umount", "--lazy", mount], check=False)
