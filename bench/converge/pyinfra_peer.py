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
# One operation a line, as somebody would write it by hand. A loop over what differs from machine to machine has no order that
# pyinfra could run all machines in ("Cycle detected in operation ordering DAG").
HEAD = """\
from pyinfra import host
from pyinfra.operations import apt, files, server, systemd

mine, place = host.data.resources, host.data.files
"""
OPERATIONS = {
    "package": "apt.packages(name=label, packages=[name])",
    "file": "files.put(name=label, src=place + name, dest=name, user=it['owner'], group=it['group'], mode=it['mode'])",
    "link": "files.link(name=label, path=name, target=it['target'])",
    "directory": "files.directory(name=label, path=name, user=it['owner'], group=it['group'], mode=it['mode'])",
    "group": "server.group(name=label, group=name)",
    "user": "server.user(name=label, user=name, group=it['group'], home=it['home'], shell=it['shell'], ensure_home=False)",
    "unit": "systemd.service(name=label, service=name, running=it['running'], enabled=it['enabled'])",
}


def deploy(machines: list[Machine]) -> str:
    """Return the deploy: every resource once, done by the machines that have it."""
    lines = {}
    for machine in machines:
        for resource in machine.resources:
            if not resource.get("masked"):
                kind, name = resource["kind"], resource["name"]
                operation = OPERATIONS[kind].replace("label", repr(f"{kind} {name}")).replace("=name", f"={name!r}")
                operation = operation.replace("[name]", f"[{name!r}]").replace("+ name", f"+ {name!r}")
                lines[f"{kind} {name}"] = f"if it := mine.get({f'{kind} {name}'!r}):\n    {operation}\n"
    return HEAD + "".join(lines.values())


def write(machines: list[Machine], workshop: Workshop) -> list[str]:
    """Write inventory and deploy. Returns the command that runs them."""
    home = workshop.directory / "pyinfra"
    home.mkdir()
    data: dict[str, dict[str, Any]] = {}
    for machine in machines:
        data[machine.name] = reached_by(machine.connection)
        own = {f"{resource['kind']} {resource['name']}": resource for resource in machine.resources}
        data[machine.name] |= {"resources": own, "files": f"{workshop.directory}/files/{machine.name}"}
    (home / "data.json").write_text(json.dumps(data))
    (home / "inventory.py").write_text(INVENTORY.format(data=str(home / "data.json")))
    (home / "deploy.py").write_text(deploy(machines))
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
    if not was_at_rest(said):
        raise BenchError(f"pyinfra had something to change, or its summary is not understood:\n{said[-3000:]}")
    return wall


def was_at_rest(said: str) -> bool:
    """Tell from pyinfra's summary (hosts, success, error, no change) that nothing was changed and nothing failed."""
    summary = [line.split() for line in said.splitlines() if line.strip().startswith("Grand total")]
    counts = [int(word) if word.isdigit() else 0 for word in summary[-1][2:]] if summary else []
    return len(counts) == 4 and counts[1] == counts[2] == 0 and counts[3] > 0
