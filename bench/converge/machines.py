"""What the machines are, how they are reached, and running a tool against them with a stop-watch."""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CONNECTION = ("ansible_host", "ansible_user", "ansible_port", "ansible_ssh_private_key_file", "ansible_ssh_common_args")


class BenchError(Exception):
    """Something that makes the measurement meaningless."""


@dataclass
class Machine:
    """One machine. connection: Ansible's variables for it; resources: as bench/converge/on_machine.py prints them."""

    name: str
    connection: dict[str, str]
    resources: list[dict[str, Any]]


class Workshop:
    """A directory for generated playbooks and copies of the machines' files, with their secrets: for nobody else, and not for long."""

    def __init__(self, directory: Path, options: argparse.Namespace) -> None:
        self.directory = directory
        self.inventory = ["--inventory", options.inventory] if options.inventory else []
        self.inventory += ["--limit", options.limit] if options.limit else []
        wiring = options.site.resolve().parent / "group_vars"
        if wiring.is_dir():
            # Beside a playbook, so that the peers reach the machines by the same variables.
            (directory / "group_vars").symlink_to(wiring)

    def ansible(self, playbook: Path, *options: str) -> tuple[float, str]:
        """Run a playbook. Returns wall seconds and what was said; raises when it failed."""
        return timed([need("ansible-playbook"), *self.inventory, *options, str(playbook)])

    def machines(self) -> list[Machine]:
        """Read what trees keep on every machine that has any."""
        answers = self.directory / "answers"
        answers.mkdir(mode=0o700)
        asked = ", ".join(f"'{name}': {name} | default('')" for name in CONNECTION)
        tasks: list[dict[str, Any]] = [
            {"name": "Read", "ansible.builtin.script": {"cmd": str(HERE / "on_machine.py"), "executable": "/usr/bin/python3"},
             "register": "read", "changed_when": False, "no_log": True},
            # Evaluated here, for the next task is one of the control node.
            {"name": "How it is reached", "ansible.builtin.set_fact": {"reached": "{{ {" + asked + "} }}"}},
            {"name": "Keep", "ansible.builtin.copy": {
                "dest": str(answers / "{{ inventory_hostname }}.json"), "mode": "0600",
                "content": "{{ {'connection': reached, 'resources': read.stdout | from_json} | to_json }}"},
             "delegate_to": "localhost", "vars": {"ansible_connection": "local", "ansible_host": "localhost"},
             "no_log": True, "when": "read.stdout is defined"},
        ]  # fmt: skip
        play = {"name": "Read", "hosts": "all:!world", "gather_facts": False, "ignore_unreachable": True, "tasks": tasks}
        self.ansible(self.playbook("read", [play]))
        found = [Machine(path.stem, **json.loads(path.read_text())) for path in sorted(answers.glob("*.json"))]
        found = [machine for machine in found if machine.resources]
        if not found:
            raise BenchError("no machine has anything that tree made: run the site first (./lab up)")
        for machine in found:
            self.keep_files(machine)
        return found

    def keep_files(self, machine: Machine) -> None:
        """Write the machine's files below <machine>/, for the peers to compare with."""
        for resource in machine.resources:
            if resource["kind"] == "file":
                path = Path(f"{self.directory}/files/{machine.name}{resource['name']}")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(base64.b64decode(resource.pop("content")))

    def playbook(self, name: str, plays: list[dict[str, Any]]) -> Path:
        """Write a playbook; JSON is YAML."""
        path = self.directory / f"{name}.yml"
        path.write_text(json.dumps(plays, indent=1))
        return path


def timed(command: list[str]) -> tuple[float, str]:
    """Run a program in the checkout. Returns wall seconds and what it said; raises when it failed."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    environment |= {"NO_COLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, env=environment, check=False)
    wall = time.perf_counter() - start
    if done.returncode:
        raise BenchError(f"{shlex.join(command)} failed ({done.returncode}):\n{(done.stdout + done.stderr)[-3000:]}")
    return wall, done.stdout + done.stderr


def changes(recap: str) -> list[str]:
    """Return the lines of Ansible's recap that tell of changes."""
    return [line for line in recap.splitlines() if re.search(r"\bchanged=[1-9]", line)]


def need(program: str) -> str:
    """Return the path of a program of this virtual environment, else of the path."""
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    if not found:
        raise BenchError(f"{program} is needed and not there")
    return found
