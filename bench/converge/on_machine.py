"""Runs on a machine: print what its trees keep there, resource by resource, as one JSON list."""

from __future__ import annotations

import base64
import grp
import json
import pwd
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

STATES = Path("/var/lib/posthouse/tree")


def main() -> None:
    """Print the resources of all trees, each once, in the order in which the trees were first made."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for state in sorted(STATES.glob("*.json"), key=lambda path: path.stat().st_ctime_ns):
        tree = json.loads(state.read_text(encoding="utf-8"))
        resources = [{"kind": "package", "name": name} for name in tree["packages"]]
        resources += [file_at(Path(path)) for path in tree["files"]]
        for path in tree["files"]:
            if path.startswith("/etc/sysusers.d/"):
                resources += [account for words in lines(path) if (account := account_of(words))]
            elif path.startswith("/etc/tmpfiles.d/"):
                made = [Path(words[1]) for words in lines(path) if words[0][:1] == "d"]
                resources += [owned("directory", directory) for directory in made if directory.is_dir()]
        resources += [unit(name) for name in tree["units"]]
        for resource in resources:
            found.setdefault((resource["kind"], resource["name"]), resource)
    print(json.dumps(list(found.values())))


def lines(path: str) -> list[list[str]]:
    """Return the words of each line that is no comment."""
    text = Path(path).read_text(encoding="utf-8")
    return [shlex.split(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def owned(kind: str, path: Path) -> dict[str, Any]:
    """Return path, owner, group and mode."""
    status = path.lstat()
    owner, group = pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name
    return {"kind": kind, "name": str(path), "owner": owner, "group": group, "mode": f"{stat.S_IMODE(status.st_mode):04o}"}


def file_at(path: Path) -> dict[str, Any]:
    """Return a file with its content, or a symbolic link with its target."""
    if path.is_symlink():
        return {"kind": "link", "name": str(path), "target": str(path.readlink())}
    return {**owned("file", path), "content": base64.b64encode(path.read_bytes()).decode()}


def account_of(words: list[str]) -> dict[str, Any] | None:
    """Return the user or group that a line of sysusers.d makes."""
    if words[0] == "g":
        return {"kind": "group", "name": words[1]}
    if words[0].rstrip("!") != "u":
        return None
    user = pwd.getpwnam(words[1])
    return {"kind": "user", "name": words[1], "group": grp.getgrgid(user.pw_gid).gr_name, "home": user.pw_dir, "shell": user.pw_shell}


def unit(name: str) -> dict[str, Any]:
    """Return a unit as it stands: running, enabled (None when it has no say in it), masked."""
    properties = ["systemctl", "show", "--property", "ActiveState,UnitFileState", name]
    said = subprocess.run(properties, capture_output=True, text=True, check=True).stdout
    shown = dict(line.split("=", 1) for line in said.splitlines())
    boot = shown["UnitFileState"]
    enabled = {"enabled": True, "disabled": False}.get(boot)
    return {"kind": "unit", "name": name, "running": shown["ActiveState"] == "active", "enabled": enabled, "masked": boot == "masked"}


if __name__ == "__main__":
    main()
