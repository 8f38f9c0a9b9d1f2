"""The second peer: the same resources as pyinfra operations, one each."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from bench.converge.machines import BenchError, Machine, Workshop, need, timed

INVENTORY = """\
import json
from pathlib import Path

hosts = [(name, data) for name, data in json.loads(Path({data!r}).read_text()).items()]
"""
DEPLOY = """\
from pyinfra import host
from pyinfra.operations import apt, files, server, systemd

for resource in host.data.resources:
    kind, name = resource["kind"], resource["name"]
    label = f"{kind} {name}"
    if kind == "package":
        apt.packages(name=label, packages=[name])
    elif kind == "file":
        files.put(name=label, src=host.data.files + name, dest=name, user=resource["owner"], group=resource["group"], mode=resource["mode"])
    elif kind == "link":
        files.link(name=label, path=name, target=resource["target"])
    elif kind == "directory":
        files.directory(name=label, path=name, user=resource["owner"], group=resource["group"], mode=resource["mode"])
    elif kind == "group":
        server.group(name=label, group=name)
    elif kind == "user":
        server.user(name=label, user=name, group=resource["group"], home=resource["home"], shell=resource["shell"], ensure_home=False)
    elif not resource["masked"]:
        systemd.service(name=label, service=name, running=resource["running"], enabled=resource["enabled"])
"""


def write(machines: list[Machine], workshop: Workshop) -> list[str]:
    """Write inventory and deploy. Returns the command that runs them."""
    home = workshop.directory / "pyinfra"
    home.mkdir()
    data: dict[str, dict[str, Any]] = {}
    for machine in machines:
        data[machine.name] = reached_by(machine.connection)
        data[machine.name] |= {"resources": machine.resources, "files": f"{workshop.directory}/files/{machine.name}"}
    (home / "data.json").write_text(json.dumps(data))
    (home / "inventory.py").write_text(INVENTORY.format(data=str(home / "data.json")))
    (home / "deploy.py").write_text(DEPLOY)
    return [need("pyinfra"), "-y", str(home / "inventory.py"), str(home / "deploy.py")]


def reached_by(connection: dict[str, str]) -> dict[str, Any]:
    """Translate Ansible's variables. Host keys are not pyinfra's to check here: paramiko knows no HostKeyAlias."""
    data: dict[str, Any] = {"ssh_hostname": connection["ansible_host"], "ssh_strict_host_key_checking": "off"}
    if connection.get("ansible_user"):
        data["ssh_user"] = connection["ansible_user"]
    if connection.get("ansible_port"):
        data["ssh_port"] = int(connection["ansible_port"])
    if connection.get("ansible_ssh_private_key_file"):
        data["ssh_key"] = connection["ansible_ssh_private_key_file"]
    words = shlex.split(connection.get("ansible_ssh_common_args") or "")
    if "-F" in words:
        configuration = Path(words[words.index("-F") + 1])
        data["ssh_config_file"] = str(configuration)
        key = re.search(r"^\s*IdentityFile\s+(\S+)", configuration.read_text(), re.MULTILINE)
        if key:
            data["ssh_key"] = key.group(1)
    return data


def run(command: list[str]) -> float:
    """Run pyinfra once. Returns wall seconds; raises when it changed anything."""
    wall, said = timed(command)
    summary = [line.split() for line in said.splitlines() if line.strip().startswith("Grand total")]
    counts = [int(word) if word.isdigit() else 0 for word in summary[-1][2:]] if summary else []
    if len(counts) != 4 or counts[1] or counts[2]:
        raise BenchError(f"pyinfra had something to change, or its summary is not understood:\n{said[-3000:]}")
    return wall
