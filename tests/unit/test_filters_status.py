"""Where the world knocks, where it finds nobody, and the program that it brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from filter_plugins.services import service_files
from filter_plugins.status import status_doors, status_program, status_shut

MX = {
    "name": "mx1",
    "fqdn": "mx1.example.edu",
    "address": "10.0.0.1",
    "public_address": "203.0.113.1",
    "address6": "",
    "public_address6": "2001:db8::1",
}
INNER = {
    "name": "ldap1",
    "fqdn": "ldap1.example.edu",
    "address": "10.0.0.2",
    "public_address": "10.0.0.2",
    "address6": "",
    "public_address6": "",
}


def test_a_door_for_each_public_address_and_port() -> None:
    doors = status_doors([MX], [{"name": "smtp", "port": 25, "speaks": "smtp", "unit": "postfix.service"}])
    assert doors == [
        {"name": "mx1 smtp", "address": "203.0.113.1", "port": 25, "speaks": "smtp", "host": "mx1.example.edu"},
        {"name": "mx1 smtp (IPv6)", "address": "2001:db8::1", "port": 25, "speaks": "smtp", "host": "mx1.example.edu"},
    ]


def test_people_know_a_door_by_another_name() -> None:
    ports = [{"name": "imaps", "port": 993, "speaks": "tls"}]
    assert {door["host"] for door in status_doors([MX], ports, {"imaps": "imap.example.edu"})} == {"imap.example.edu"}


def test_shut_is_what_the_firewall_opens_to_some_but_not_to_anyone() -> None:
    offers: dict[str, list[dict[str, Any]]] = {
        "exchanger": [{"ports": [25], "from": "anyone"}, {"ports": [2526], "from": ["10.0.0.0/8"]}],
        "directory": [{"ports": [389], "from": ["10.0.0.0/8"]}],
    }
    groups = {"exchanger": ["mx1"], "directory": ["ldap1"]}
    # ldap1 has no address that the internet could reach.
    assert status_shut([MX, INNER], groups, offers, [25, 3306]) == [
        {"name": "mx1", "address": "203.0.113.1", "ports": [389, 2526, 3306]},
        {"name": "mx1", "address": "2001:db8::1", "ports": [389, 2526, 3306]},
    ]


def test_the_program_brings_its_modules_and_leaves_nothing(tmp_path: Path) -> None:
    files = {"/guest/__init__.py": "", "/guest/says.py": 'import json, sys\nprint(json.load(sys.stdin)["word"] + "é\'\\"{}")\n'}
    program = status_program(files, "guest.says", {"word": "ü'\"{}\n"})
    done = subprocess.run(
        [sys.executable, "-I", "-"],
        input=program,
        capture_output=True,
        text=True,
        check=True,
        env={"TMPDIR": str(tmp_path), "LC_ALL": "C.UTF-8"},
    )
    assert done.stdout == "ü'\"{}\né'\"{}\n"
    assert not list(tmp_path.iterdir())


def test_the_service_itself_can_be_carried() -> None:
    program = status_program(service_files("status", ""), "status.world", {"doors": [], "shut": [], "zones": []})
    done = subprocess.run([sys.executable, "-I", "-"], input=program, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["findings"] == []
