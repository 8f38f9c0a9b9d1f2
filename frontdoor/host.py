"""What kind of machine the control node is: control groups, limits, package mirror."""

import re
import resource
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from frontdoor.errors import Refused

CAP_SYS_RESOURCE = 24  # linux/capability.h


class ControlGroups(Enum):
    """How the kernel's control groups are mounted."""

    UNIFIED = "unified"
    HYBRID = "hybrid"


def control_groups(mounts: str | None = None) -> ControlGroups:
    """Plain version 2, or version 1 with the version 2 hierarchy beside it; version 1 alone cannot carry systemd 257."""
    text = Path("/proc/self/mounts").read_text() if mounts is None else mounts
    kinds = {fields[1]: fields[2] for fields in map(str.split, text.splitlines()) if len(fields) > 2}
    if kinds.get("/sys/fs/cgroup") == "cgroup2":
        return ControlGroups.UNIFIED
    if kinds.get("/sys/fs/cgroup/unified") == "cgroup2":
        return ControlGroups.HYBRID
    raise Refused("This machine mounts no cgroup v2 hierarchy (under /sys/fs/cgroup), which systemd in the lab's machines needs.")


def may_raise_limits() -> bool:
    """Whether podman's default limits can be set at all (CAP_SYS_RESOURCE in our effective set)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)
    return False


def hard_limits() -> tuple[int, int]:
    """Hard limits of open files and of processes, the latter no higher than was seen to work everywhere."""

    def finite(kind: int, ceiling: int) -> int:
        hard = resource.getrlimit(kind)[1]
        return ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)

    # nproc=50000 was refused on a machine whose hard limit is 96365; 20000 was not.
    return finite(resource.RLIMIT_NOFILE, 1048576), finite(resource.RLIMIT_NPROC, 20000)


@dataclass(frozen=True)
class Mirror:
    """Where the control node's own apt gets Debian, and Debian's security updates, from."""

    debian: str
    security: str


def _stanzas(text: str) -> list[dict[str, list[str]]]:
    """Fields of a deb822 source file (sources.list(5))."""
    found: list[dict[str, list[str]]] = [{}]
    last = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            found.append({})
        elif line[0] in " \t" and last:
            found[-1][last] += line.split()
        elif ":" in line:
            last, _, value = line.partition(":")
            last = last.strip().lower()
            found[-1][last] = value.split()
    return [stanza for stanza in found if stanza]


def _one_line(text: str) -> list[tuple[str, str]]:
    """Address and suite of each one-line entry (sources.list(5))."""
    pattern = re.compile(r"^\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", re.MULTILINE)
    return [(match[1], match[2]) for match in pattern.finditer(text)]


def package_sources(folder: Path = Path("/etc/apt")) -> list[tuple[str, str]]:
    """Address and suite of every binary package source that apt is configured with."""
    sources: list[tuple[str, str]] = []
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    for file in (file for file in files if file.is_file()):
        sources += _one_line(file.read_text())
    for file in sorted((folder / "sources.list.d").glob("*.sources")):
        for stanza in _stanzas(file.read_text()):
            if "deb" in stanza.get("types", []) and stanza.get("enabled", ["yes"]) != ["no"]:
                sources += [(uri, suite) for uri in stanza.get("uris", []) for suite in stanza.get("suites", [])]
    return sources


def mirror(override: str = "", folder: Path = Path("/etc/apt")) -> Mirror:
    """The mirror the lab builds from: an inventory's ``lab_mirror``, else what this host's apt uses."""
    if override:
        base = override.rstrip("/")
        return Mirror(base, base.removesuffix("/debian") + "/debian-security")
    names = r"(stable|oldstable|bookworm|trixie)"
    plain = security = ""
    for uri, suite in package_sources(folder):
        if not uri.startswith(("http://", "https://")):
            continue
        if re.fullmatch(names, suite) and not plain:
            plain = uri.rstrip("/")
        if re.fullmatch(names + "(-security|/updates)", suite) and not security:
            security = uri.rstrip("/")
    if not plain:
        raise Refused("No Debian mirror by http was found in /etc/apt; name one in the inventory as lab_mirror.")
    return Mirror(plain, security or plain.removesuffix("/debian") + "/debian-security")
