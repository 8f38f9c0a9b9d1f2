"""What is on every machine of the lab: a digest of each file that a role could own, and the packages.

`python -m tests.snapshot FILE` writes it; tests of molecule's scenarios compare it with what is there later.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from frontdoor import paths
from frontdoor.landscape import Landscape

# Files that change while a machine lives and nobody touches it are no part of the picture.
LIVELY = ("/etc/.pwd.lock", "/etc/ld.so.cache", "/etc/mtab", "/etc/resolv.conf.bak")
# The random seed of a unit, clocks and states live in /var; roles ship little there, and the tree's own memory is read instead.
COMMAND = (
    "find /etc /usr/local -xdev -type f -printf '%p file %m %u %g\n' -o -type l -printf '%p link %l\n';"
    " find /etc /usr/local -xdev -type f -exec sha256sum {} +; dpkg-query -W -f '${Package} package ${Version}\n'"
)


def machine(name: str) -> dict[str, str]:
    """Return the picture of one machine: path to kind, mode, owner, group and digest."""
    done = subprocess.run(["ssh", "-F", str(paths.SSH_CONFIG), name, COMMAND], capture_output=True, text=True, timeout=120, check=True)
    picture: dict[str, str] = {}
    for line in done.stdout.splitlines():
        first, _, rest = line.partition(" ")
        if rest.startswith(" /"):  # a digest stands before its path
            picture[rest.strip()] = f"{picture.get(rest.strip(), '')} {first}"
        else:
            picture[first] = rest
    return {path: what for path, what in picture.items() if path not in LIVELY and not path.endswith("-")}


def take(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the pictures of several machines."""
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(names, pool.map(machine, names), strict=True))


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the paths that came, went or changed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def main() -> None:
    """Write the picture of every machine that site.yml looks after."""
    pictures = take([one.name for one in Landscape(paths.INVENTORY).ours])
    Path(sys.argv[1]).write_text(json.dumps(pictures), encoding="utf-8")


if __name__ == "__main__":
    main()
