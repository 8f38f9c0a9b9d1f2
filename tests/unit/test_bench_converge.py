"""The peers of bench/converge are fair: every resource once, on all machines that have it, and at rest or not counted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from bench.converge import pyinfra_peer, stock
from bench.converge.machines import Machine, Workshop, changes

PACKAGE = {"kind": "package", "name": "cron"}


def conf(mode: str) -> dict[str, Any]:
    return {"kind": "file", "name": "/etc/a'b.conf", "owner": "root", "group": "root", "mode": mode}


def unit(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "unit", "name": name, "running": True, "enabled": True, "masked": False, **more}


MACHINES = [
    Machine("one", {"ansible_host": "198.51.100.1"}, [PACKAGE, conf("0644"), unit("cron.service")]),
    Machine("two", {"ansible_host": "198.51.100.2"}, [PACKAGE, conf("0600"), unit("x.service", masked=True)]),
]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, argparse.Namespace(site=tmp_path / "site.yml", inventory=None, limit=None))


def test_machines_that_share_a_resource_share_its_task(workshop: Workshop) -> None:
    plays = {play["hosts"]: [task["name"] for task in play["tasks"]] for play in stock.plays(MACHINES, workshop)}
    assert plays == {"one,two": ["package cron", "file /etc/a'b.conf"], "one": ["unit cron.service"], "two": ["unit x.service"]}


def test_a_task_looks_up_what_differs_between_its_machines(workshop: Workshop) -> None:
    copy = stock.plays(MACHINES, workshop)[0]["tasks"][1]["ansible.builtin.copy"]
    assert copy["owner"] == "root"
    assert copy["mode"] == "{{ {'one': '0644', 'two': '0600'}[inventory_hostname] }}"


def test_pyinfra_gets_every_resource_in_a_deploy_that_python_understands() -> None:
    code = pyinfra_peer.deploy(MACHINES)
    compile(code, "deploy.py", "exec")
    assert code.count("package cron") == 2  # the question and the label
    assert "x.service" not in code, "pyinfra cannot mask"


@pytest.mark.parametrize(
    ("said", "at_rest"),
    [
        ("Grand total   138   -   -   138\n", True),
        ("Grand total   138   1   -   137\n", False),
        ("Grand total   138   -   1   137\n", False),
        ("something else\n", False),
    ],
)
def test_pyinfra_that_changed_something_is_not_counted(said: str, at_rest: bool) -> None:
    assert pyinfra_peer.was_at_rest(said) is at_rest


def test_a_recap_with_changes_is_seen() -> None:
    assert changes("a : ok=1 changed=0\nb : ok=2 changed=10 failed=0\n") == ["b : ok=2 changed=10 failed=0"]
