"""Find and remove what a run that was killed, or an earlier boot, left on this host."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from frontdoor import engine, kernel, network, paths, shell, ssh


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


def kill_group(container: str) -> None:
    """End every process of a container by its control group; works when its monitor cannot be asked any more."""
    for _ in range(50):
        processes: set[int] = set()
        for group in _groups():
            for folder in group.glob(f"libpod-{container}*"):
                processes |= _members(folder)
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


def clean() -> list[str]:
    """Bring containers, networks and control groups to a state that podman can work with; sentences about what was odd."""
    said: list[str] = []
    listed = engine.podman("ps", "--all", "--format", "json", check=False)
    if listed.returncode:
        # The run state can be cut short by a kill or a power failure; the containers themselves are in the store.
        said.append("Podman's run state was damaged: it is made anew.")
        shutil.rmtree(paths.RUN / "libpod", ignore_errors=True)
        engine.podman("system", "renumber", check=False)
    names = [str(one["Names"][0]) for one in engine.containers()]
    running: set[str] = set()
    known: set[str] = set()
    form = "{{.Id}} {{.State.Pid}} {{.State.ConmonPid}} {{.State.Status}} {{.Name}}"
    for line in engine.podman("container", "inspect", "--format", form, *names).stdout.splitlines() if names else []:
        identity, process, monitor, status, name = line.split(maxsplit=4)
        known.add(identity)
        if status == "running" and _alive(int(process)) and _alive(int(monitor)):
            running.add(identity)
            continue
        if status in ("running", "stopping", "paused", "removing"):
            said.append(f"{name} had lost its monitor: it is stopped.")
        kill_group(identity)
        engine.podman("container", "cleanup", name, check=False)
        if status in ("removing", "configured", "unknown"):
            engine.podman("rm", "--force", "--time", "0", name, check=False)
    for identity in {folder.name.split("-")[1].split(".")[0] for group in _groups() for folder in group.glob("libpod-*")} - known:
        said.append("Processes of a machine that podman no longer knows were ended.")
        kill_group(identity)
    if not running:
        said += [f"Left over: {thing}; removed." for thing in network.sweep()]
    remove_groups(running)
    return said


def everything() -> None:
    """Remove all that the lab put on this host outside the checkout and the cache folder."""
    engine.podman("rm", "--all", "--force", "--time", "0", check=False)
    clean()
    ssh.hang_up()
    network.sweep()
    for group in _groups():
        for folder in group.glob("libpod-*"):
            kill_group(folder.name.removeprefix("libpod-"))
    remove_groups(set())
    _unmount(paths.STORE)
    _unmount(paths.RUN)
    kernel.restore()
    shutil.rmtree(paths.RUN, ignore_errors=True)


def _unmount(below: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if Path(mount).is_relative_to(below)), reverse=True):
        shell.run(["umount", "--lazy", mount], check=False)
