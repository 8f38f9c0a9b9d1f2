"""A lab that has just been built is green, as its machines and as the world see it; a dead machine and a broken promise are not."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from frontdoor import paths, status
from frontdoor.stages import environment

# A machine that nobody has built.
GHOST = "mailstore: {hosts: {ghost: {address: 10.143.0.250}}}\n"


class Page:
    """What playbooks/status.yml found out in one run."""

    def __init__(self, folder: Path) -> None:
        answers, ghost = folder / "answers.json", folder / "ghost.yml"
        ghost.write_text(GHOST)
        # A promise that DNS does not keep.
        told = {"status_file": str(answers), "cluster_dmarc": {"policy": "reject"}}
        command = ["ansible-playbook", "-i", str(paths.INVENTORY), "-i", str(ghost), "playbooks/status.yml", "-e", json.dumps(told)]
        began = time.monotonic()
        self.run = subprocess.run(command, cwd=paths.CHECKOUT, env=environment(), capture_output=True, text=True, check=False, timeout=120)
        self.seconds = time.monotonic() - began
        assert answers.exists(), self.run.stdout[-3000:]
        done = status.page(answers, "--json")
        self.code = done.returncode
        self.findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]

    def checks(self, machine: str) -> set[str]:
        return {one["check"] for one in self.findings if one["machine"] == machine}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(tmp_path_factory.mktemp("status"))


def test_all_is_green_but_what_was_broken(page: Page) -> None:
    # How full the disk and the memory of this computer are is no matter of the lab's.
    ours = [one for one in page.findings if one["check"] not in ("disk", "memory") and (one["check"], one["about"]) != ("backup", "room")]
    bad = [one for one in ours if one["level"] != "fine"]
    assert {(one["level"], one["machine"], one["check"], one["about"]) for one in bad} == {
        ("critical", "ghost", "machine", "ssh"),
        ("warning", "world", "dns", "DMARC"),
    }, bad
    assert all(one["remedy"] for one in bad)


def test_what_is_critical_is_the_runs_and_the_pages_code(page: Page) -> None:
    assert (page.run.returncode, page.code) == (2, 2)
    assert "_dmarc.madstop.test TXT lacks v=DMARC1; p=reject" in " ".join(page.run.stdout.split())
    assert "Traceback" not in page.run.stdout + page.run.stderr


def test_a_dead_machine_does_not_hold_up_the_page(page: Page) -> None:
    assert page.seconds < 40  # about ten when nothing else runs


def test_everything_was_looked_at(page: Page) -> None:
    assert page.checks("world") >= {"dns", "dnssec", "port", "shut"}
    assert page.checks("site") >= {"clock", "dkim"}
    stages = {"unit", "disk", "memory", "certificate", "queue", "port", "recipients", "blocklists", "signatures", "antispam"}
    assert page.checks("mx1") >= stages
    assert page.checks("smtp1") >= stages
    assert page.checks("db1") >= {"unit", "quarantine"}
    assert page.checks("backup1") >= {"unit", "backup", "queue"}
    assert page.checks("ldap2") >= {"unit", "directory", "port"}
    assert page.checks("ns1") >= {"unit", "certificate"}
    kinds = {one["about"] for one in page.findings if (one["machine"], one["check"]) == ("world", "dns")}
    assert kinds >= {"MX", "addresses", "names of addresses", "name servers", "SPF", "DKIM", "DMARC", "DANE", "services", "serials"}
