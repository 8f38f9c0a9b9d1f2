"""The machines' base image: Debian 13 with systemd, ssh and Python, made by mmdebstrap."""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from frontdoor import engine, host, paths
from frontdoor.errors import Refused

BASE = "localhost/posthouse/base"
SUITE = "trixie"
# No libpam-systemd: it would start a service manager for every ssh login.
PACKAGES = [
    "ca-certificates",
    "dbus",
    "iproute2",
    "netbase",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "systemd",
    "systemd-sysv",
]

_NO_MANUALS = [f"path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "info", "doc", "lintian")]
# The lab's disks are thrown away, so nothing is gained by syncing every unpacked file.
_DPKG = ["force-unsafe-io", *_NO_MANUALS]

_HOOKS = [
    # The container's journal would carry the control node's kernel log too (journald.conf(5), ReadKMsg).
    'mkdir -p "$1/etc/systemd/journald.conf.d"',
    'printf "[Journal]\\nReadKMsg=no\\n" > "$1/etc/systemd/journald.conf.d/lab.conf"',
    # The only unit that fails in a container: it may not load kernel modules.
    'ln -s /dev/null "$1/etc/systemd/system/systemd-modules-load.service"',
    # Every machine gets keys and sources of its own when it is created.
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*',
    # sshd's PAM stack complains at every login when it is missing (pam_env(8)).
    'echo LANG=C.UTF-8 > "$1/etc/default/locale"',
    'mkdir -p -m 700 "$1/root/.ssh"',
    ': > "$1/etc/machine-id"',
]


def recipe(mirror: host.Mirror) -> str:
    """A hash over everything that decides what the image holds, but for the mirror's address."""
    del mirror  # Another mirror serves the same Debian.
    return hashlib.sha256(json.dumps([SUITE, PACKAGES, _DPKG, _HOOKS]).encode()).hexdigest()[:16]


def is_current(mirror: host.Mirror) -> bool:
    """Whether the base image exists as the recipe says."""
    return engine.image_label(BASE, "posthouse.recipe") == recipe(mirror)


def build(mirror: host.Mirror, log: Path) -> None:
    """Build and import the base image; about 30 seconds."""
    if not Path("/usr/share/keyrings/debian-archive-trixie-stable.gpg").exists():
        raise Refused("The package debian-archive-keyring is older than Debian 13: bring it up to date with apt-get.")
    bootstrap = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "--keyring=/usr/share/keyrings"]
    bootstrap += [f"--dpkgopt={option}" for option in _DPKG]
    bootstrap += ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
    bootstrap += [f"--customize-hook={hook}" for hook in _HOOKS]
    bootstrap += [SUITE, "-", f"deb {mirror.debian} {SUITE} main"]
    label = f"LABEL posthouse.recipe={recipe(mirror)}"
    bring_in = engine.command("import", "--quiet", "--change", label, "-", BASE)
    environment = {**engine_environment(), "TMPDIR": str(paths.CACHE)}
    with log.open("wb") as output:
        maker = subprocess.Popen(bootstrap, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, env=environment)
        taker = subprocess.run(bring_in, stdin=maker.stdout, stdout=output, stderr=output, env=environment, check=False)
        assert maker.stdout
        maker.stdout.close()
        if maker.wait() or taker.returncode:
            engine.podman("image", "rm", "--force", BASE, check=False)
            raise Refused(f"The base image could not be built from {mirror.debian}: see {log}.", 1)


def engine_environment() -> dict[str, str]:
    """The whole environment for a podman that runs in a pipe."""
    return {**os.environ, **engine.environment()}


@contextmanager
def without_trace() -> Iterator[None]:
    """Remove what podman notes outside our store while it makes images, unless the host's own podman had it already.

    The place of this note, a table of which layer came from where, cannot be configured.
    """
    top = Path("/var/lib/containers")
    before = {path for path in (top, top / "cache", *top.glob("cache/*")) if path.exists()}
    try:
        yield
    finally:
        for note in top.glob("cache/blob-info-cache-v1.*"):
            if note not in before:
                note.unlink()
        for folder in (top / "cache", top):
            if folder not in before:
                with suppress(OSError):  # not there, or not empty any more
                    folder.rmdir()


def ensure(override: str, report: Callable[[str], None]) -> None:
    """Have the base image as the recipe says; the host is prepared already."""
    mirror = host.mirror(override)
    if not is_current(mirror):
        report(f"building the base image from {mirror.debian}")
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        with without_trace():
            build(mirror, paths.LOGS / "mmdebstrap.log")
