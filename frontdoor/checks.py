"""Whether this host can carry the lab: one sentence for what is missing."""

import re
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from frontdoor import host, network, paths
from frontdoor.errors import Refused

GIGABYTE = 1 << 30
MEMORY_COLD = 3 * GIGABYTE  # the machines take 0.7 GB idle, the installers and tests the rest
MEMORY_VIRTUAL = 3 * GIGABYTE // 2  # its own and qemu's
DISK_COLD = 10 * GIGABYTE
DISK_WARM = 2 * GIGABYTE


def memory_available() -> int:
    """Bytes that new programs can have, as the kernel estimates (proc(5))."""
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) * 1024 if found else 0


def requirements(override: str = "", virtual: int = 0) -> None:
    """Refuse when the host cannot carry the lab. virtual: how many virtual machines it has to start."""
    warm = paths.STORE.exists()
    host.control_groups()
    memory = memory_available()
    running = bool(network.bridges())
    least = (0 if running else MEMORY_COLD) + virtual * MEMORY_VIRTUAL
    if memory < least:
        raise Refused(f"The lab needs {least / GIGABYTE:.1f} GB of free memory; this machine has {memory / GIGABYTE:.1f} GB.")
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    least = DISK_WARM if warm else DISK_COLD
    free = shutil.disk_usage(paths.CACHE).free
    if free < least:
        raise Refused(f"The lab needs {least // GIGABYTE} GB of free disk in {paths.CACHE}; there are {free / GIGABYTE:.1f} GB.")
    if virtual and not Path("/dev/net/tun").exists():
        raise Refused("A virtual machine's network needs /dev/net/tun, which this machine lacks: modprobe tun.")
    if taken := network.collisions(neighbours(host.mirror(override))):
        raise Refused(f"The lab cannot be built here: {taken}.")


def neighbours(mirror: host.Mirror) -> list[str]:
    """Addresses that this host must go on reaching: its resolvers and its package mirror."""
    found = re.findall(r"^nameserver\s+([0-9.]+)\s*$", Path("/etc/resolv.conf").read_text(), re.MULTILINE)
    for address in {mirror.debian, mirror.security}:
        name = urlsplit(address).hostname or ""
        try:
            found += [str(place[4][0]) for place in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)]
        except OSError:
            continue  # Everything may be in the cache already; apt will say so when it is not.
    return found
