"""Podman with a store, networks and settings of our own, so that the host's containers are never touched."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from frontdoor import host, paths, shell

CGROUP_PARENT = "/posthouse"
_SETTINGS = paths.RUN / "containers.conf"


def settings() -> str:
    """The text of our containers.conf(5)."""
    lines = [
        "[containers]",
        'log_driver = "k8s-file"',
        "log_size_max = 1048576",
        "[engine]",
        f'runtime = "{runtime()}"',
        'cgroup_manager = "cgroupfs"',
        # Locks in a file of ours: the default is one shared memory segment for every podman of root.
        'lock_type = "file"',
        'events_logger = "none"',
        f'tmp_dir = "{paths.RUN}/libpod"',
    ]
    if not host.may_raise_limits():
        # Podman's own default (1048576) fails with "setrlimit RLIMIT_NOFILE: Operation not permitted".
        files, processes = host.hard_limits()
        lines.insert(1, f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]')
    return "\n".join(lines) + "\n"


def runtime() -> str:
    """crun refuses hybrid control groups ("cgroups in hybrid mode not supported"); runc does not."""
    return "crun" if host.control_groups() is host.ControlGroups.UNIFIED else "runc"


def prepare() -> None:
    """Make the folders and the settings every other call relies on."""
    for folder in (paths.RUN, paths.STORE, paths.CONTROL_SOCKETS):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    (paths.RUN / "cache").write_text(str(paths.CACHE))
    text = settings()
    if not _SETTINGS.exists() or _SETTINGS.read_text() != text:
        _SETTINGS.write_text(text)


def environment() -> dict[str, str]:
    """The environment in which podman is ours."""
    return {"CONTAINERS_CONF": str(_SETTINGS), "CONTAINERS_CONF_OVERRIDE": str(_SETTINGS)}


def command(*arguments: str) -> list[str]:
    """The words of a podman call on our store."""
    return ["podman", "--root", str(paths.STORE), "--runroot", str(paths.RUN / "containers"), *arguments]


def podman(*arguments: str, check: bool = True, stdin: bytes | None = None, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Call podman on our store."""
    return shell.run(command(*arguments), check=check, stdin=stdin, environment=environment(), timeout=timeout)


def containers() -> list[dict[str, Any]]:
    """What podman knows of our containers, in any state."""
    found = json.loads(podman("ps", "--all", "--format", "json").stdout or "[]")
    assert isinstance(found, list)
    return found


def image_label(image: str, label: str) -> str:
    """A label of an image, or nothing when there is no such image."""
    found = podman("image", "inspect", image, "--format", f'{{{{index .Labels "{label}"}}}}', check=False)
    return found.stdout.strip() if found.returncode == 0 else ""


def remove(names: Sequence[str]) -> None:
    """Remove containers at once, whatever state they are in."""
    if names:
        podman("rm", "--force", "--time", "0", "--ignore", *names)
