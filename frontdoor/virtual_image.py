"""What the lab's virtual machines are made from: a disk with Debian's kernel and the roles' packages, and an image with qemu."""

import fcntl
import hashlib
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from frontdoor import engine, host, image, paths, shell
from frontdoor.errors import Refused
from frontdoor.landscape import Landscape

HYPERVISOR = "localhost/posthouse/hypervisor"
#: Containers in which they are made, which may be while machines are started.
BUILDERS = ("virtual-build", "hypervisor-build")
QEMU = ["qemu-system-x86"]
BASE_IMAGE = 300.0  # seconds that its making may take
DISK_SIZE = "6G"  # sparse; what it holds is about 1 GB

# Whose packages are on the disk from the start: apt takes minutes in an emulated machine.
ROLES = ("base", "storage", "standby", "mailstore", "double_delivery", "status")
# What containers have no use for: a kernel, the tools that load its modules and name its devices, a file system of its own.
MACHINE_PACKAGES = ["linux-image-amd64", "initramfs-tools", "zstd", "udev", "kmod", "e2fsprogs"]

# Enough to mount the disk; everything else is loaded from there (initramfs.conf(5)).
_INITRD_MODULES = ["virtio_pci", "virtio_blk", "ext4"]
# A host's authorities stand aside, for packages write to /etc/ssl/certs; our files for initramfs-tools are kept.
_AUTHORITIES = "/run/authorities.pem"
_OPTIONS = f"-o Acquire::https::CAInfo={_AUTHORITIES} -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Options::=--force-confold"
_INSTALL = """\
set -e
export DEBIAN_FRONTEND=noninteractive
printf '%s\\n' {sources} >/etc/apt/sources.list
apt-get -qq {options} update
printf '%s\\n' {debconf} | debconf-set-selections
mkdir -p /etc/initramfs-tools/conf.d
printf 'MODULES=list\\nCOMPRESS=zstd\\nFSTYPE=ext4\\n' >/etc/initramfs-tools/conf.d/lab
printf '%s\\n' {modules} >/etc/initramfs-tools/modules
# The packages' own hooks would make the initial RAM disk now, and again after each of them.
printf 'update_initramfs=no\\n' >/etc/initramfs-tools/update-initramfs.conf
export INITRD=No
apt-get -qq -y {options} install --no-install-recommends {packages}
# It looks for groups of LVM before the root file system is there, which is in none.
rm -f /usr/share/initramfs-tools/hooks/lvm2 /usr/share/initramfs-tools/scripts/local-top/lvm2
kernel=$(ls /usr/lib/modules)
mkinitramfs -o /boot/initrd.img "$kernel"
mv "/boot/vmlinuz-$kernel" /boot/vmlinuz
# What the base image holds back because it is for containers.
rm -f /etc/systemd/system/systemd-modules-load.service /etc/systemd/journald.conf.d/lab.conf
systemctl --quiet enable systemd-networkd.service
# No daemon of a role runs before its configuration is there.
systemctl --quiet disable dovecot.service
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /etc/apt/sources.list
: >/etc/machine-id
# What a first boot after an upgrade would do, ldconfig above all, is done (systemd-update-done.service(8)).
touch /etc/.updated /var/.updated
"""
_QEMU = """\
set -e
export DEBIAN_FRONTEND=noninteractive
printf '%s\\n' {sources} >/etc/apt/sources.list
apt-get -qq {options} update
apt-get -qq -y {options} install --no-install-recommends {packages}
apt-get clean
rm -rf /var/lib/apt/lists/*
"""


def _of_roles(what: str) -> list[str]:
    """What the roles' variables ``__ROLE_WHAT…`` say, where that is a plain list."""
    found: list[str] = []
    for role in ROLES:
        file = paths.CHECKOUT / "roles" / role / "vars" / "main.yml"
        values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.exists() else {}
        lists = (value for key, value in values.items() if key.startswith(f"__{role}_{what}") and isinstance(value, list))
        found += [word for words in lists for word in words if isinstance(word, str) and "{" not in word]
    return sorted(set(found))


def packages() -> list[str]:
    """Every package on the disk beside those of the base image."""
    return sorted({*MACHINE_PACKAGES, *_of_roles("packages")})


def recipe(mirror: host.Mirror) -> str:
    """A hash over everything that decides what disk and hypervisor hold, but for the mirror's address."""
    parts = [image.recipe(mirror), _INSTALL, packages(), _of_roles("debconf"), _INITRD_MODULES, DISK_SIZE, QEMU]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def folder(mirror: host.Mirror) -> Path:
    """Where disk, kernel and initial RAM disk of today's recipe are."""
    return paths.VIRTUAL / recipe(mirror)


def is_current(mirror: host.Mirror) -> bool:
    """Whether everything is there as the recipe says."""
    return folder(mirror).is_dir() and engine.image_label(HYPERVISOR, "posthouse.recipe") == image.recipe(mirror)


def ensure(override: str, report: Callable[[str], None]) -> None:
    """Have disk and hypervisor; the base image is there already. About two minutes when nothing is."""
    mirror = host.mirror(override)
    paths.VIRTUAL.mkdir(parents=True, exist_ok=True, mode=0o700)
    # One builder at a time; the kernel lets the lock go when its holder ends.
    with (paths.VIRTUAL / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _ensure(mirror, report)


def _ensure(mirror: host.Mirror, report: Callable[[str], None]) -> None:
    if not folder(mirror).is_dir():
        report("building the disk of virtual machines, with Debian's kernel and the roles' packages")
        _build_disk(mirror)
    if engine.image_label(HYPERVISOR, "posthouse.recipe") != image.recipe(mirror):
        report("building the hypervisor, an image with qemu")
        _build_hypervisor(mirror)


def _inside(name: str, script: str, timeout: float = 900) -> None:
    """Run a script in a new container of the base image that can reach the mirror."""
    engine.remove([name])
    words = ["run", "--name", name, "--network=host", "--systemd=false", f"--cgroup-parent={engine.CGROUP_PARENT}"]
    words += [f"--volume=/etc/ssl/certs/ca-certificates.crt:{_AUTHORITIES}:ro", image.BASE, "sh", "-c", script]
    engine.podman(*words, timeout=timeout)


def _quoted(words: list[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)


def _sources(mirror: host.Mirror) -> list[str]:
    return [f"deb {mirror.debian} {image.SUITE} main", f"deb {mirror.security} {image.SUITE}-security main"]


def _build_hypervisor(mirror: host.Mirror) -> None:
    name = BUILDERS[1]
    script = _QEMU.format(options=_OPTIONS, sources=_quoted(_sources(mirror)), packages=_quoted(QEMU))
    _inside(name, script)
    with image.without_trace():
        engine.podman("commit", "--quiet", "--change", f"LABEL posthouse.recipe={image.recipe(mirror)}", name, HYPERVISOR)
    engine.remove([name])


def _build_disk(mirror: host.Mirror) -> None:
    """Install in a container of the base image, then make its tree a file system (mke2fs(8), -d)."""
    name = BUILDERS[0]
    _inside(
        name,
        _INSTALL.format(
            options=_OPTIONS,
            sources=_quoted(_sources(mirror)),
            debconf=_quoted(_of_roles("debconf")) or "''",
            modules=_quoted(_INITRD_MODULES),
            packages=_quoted(packages()),
        ),
    )
    for old in paths.VIRTUAL.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    fresh = paths.VIRTUAL / "making"
    fresh.mkdir()
    root = Path(engine.podman("mount", name).stdout.strip())
    try:
        # Podman leaves empty files where it had mounted its own.
        for file in ("etc/hostname", "etc/resolv.conf", "etc/hosts", "run/.containerenv", ".dockerenv"):
            (root / file).unlink(missing_ok=True)
        for file in ("vmlinuz", "initrd.img"):
            shutil.copyfile(root / "boot" / file, fresh / file)
        _file_system(root, fresh / "disk.img")
    finally:
        engine.podman("unmount", name, check=False)
    engine.remove([name])
    fresh.rename(folder(mirror))


def _file_system(root: Path, disk: Path) -> None:
    with disk.open("wb") as made:
        made.truncate(int(DISK_SIZE.removesuffix("G")) << 30)
    words = ["mke2fs", "-q", "-t", "ext4", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", str(root), str(disk)]
    shell.run(words, environment={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"})


def _await_base(override: str) -> None:
    """Wait until somebody else has made the base image."""
    end = time.monotonic() + BASE_IMAGE
    # Podman is not asked before whoever makes the lab has put its settings there.
    while not ((paths.RUN / "cache").exists() and image.is_current(host.mirror(override))):
        if time.monotonic() > end:
            raise Refused("There is no base image: ./lab up makes it.", 1)
        time.sleep(1)


def main() -> int:
    """Have disk and hypervisor before anybody waits for them: the suite calls this beside the building of the lab."""
    override = str(Landscape(paths.STORAGE_INVENTORY).values.get("lab_mirror", ""))
    try:
        _await_base(override)
        ensure(override, lambda sentence: print(sentence, flush=True))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return refused.status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
