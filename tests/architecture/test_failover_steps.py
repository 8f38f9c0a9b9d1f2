"""A failover in a pretended world: in which order things happen. tests/storage_long has the rest, which takes minutes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import tree
from tests.architecture.pretending import world as worlds
from tests.architecture.test_example_inventory import SECRETS
from tests.architecture.test_stand_ins import MADE_HERE, SITE

HOME, AWAY = "10.143.0.24", "10.143.0.25"
PRETENDING = Path(worlds.__file__).parent
#: A program of a machine: it is written down, and stops what it is asked to stop.
PROGRAM = """#!{python}
import os, sys
sys.path.insert(0, {root!r})
from tests.architecture.pretending import world as worlds
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
told = ("systemctl", "stop", "reboot", "rndc", "ss", "postfix", "reload", "postqueue")
world = worlds.act(" ".join(word for word in words if word in told))
if "stop" in words and world["old"] == "well":
    world["active"] = []
if "reboot" in words:
    world["active"] = []
worlds.keep(world)
"""

#: Another one, with a disk of apollo's.
SECOND_SHELF = """
shelf:
  hosts:
    san2:
      address: 10.143.0.72
      storage_hardware_address: "02:53:00:00:00:48"
      shelf_luns: [{shelf: 2, slot: 0, path: /srv/shelf/2.0, size: 1g, machines: [apollo]}]
"""


class Failover:
    """The playbook, in a world of its own."""

    def __init__(self, folder: Path) -> None:
        """folder: where site, programs and world are."""
        self.folder, self.site = folder, folder / "inventory" / "site"
        shutil.copytree(SITE, self.site, ignore=MADE_HERE)
        (folder / "bin").mkdir()
        # Whatever the playbook calls: on this host it would be this host's.
        for name in ("systemctl", "reboot", "rndc", "ss", "postfix", "postqueue"):
            program = folder / "bin" / name
            program.write_text(PROGRAM.format(python=sys.executable, root=str(tree.ROOT)))
            program.chmod(0o755)
        (folder / "secrets.yml").write_text(f"cluster_secrets: {SECRETS!r}\n")
        worlds.begin(folder)

    def __call__(self, to: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it as far as it comes."""
        command = ["ansible-playbook", "-i", str(self.site), str(tree.ROOT / "playbooks" / "failover-mailstore.yml"), *options]
        command += ["-e", "mailstore=apollo", "-e", f"to={to}", "-e", f"@{self.folder / 'secrets.yml'}"]
        command += [
            "-e",
            '{"cluster_authorities": [], "dns_keys": ""}',
            "-e",
            "ansible_connection=local",
            "-e",
            f"ansible_python_interpreter={sys.executable}",
        ]
        environment = os.environ | {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(tree.ROOT),
            "POSTHOUSE_PRETEND": str(self.folder),
            "POSTHOUSE_CHECKOUT": str(tree.ROOT),
            "ANSIBLE_ACTION_PLUGINS": f"{PRETENDING}:{tree.ROOT / 'action_plugins'}",
        }
        return subprocess.run(command, cwd=tree.ROOT, env=environment, capture_output=True, text=True, check=False)

    def change(self, **values: object) -> None:
        """Have the world be otherwise, and forget what was done."""
        worlds.write(self.folder, worlds.read(self.folder) | {"acts": [], "ends_at": 0} | values)

    @property
    def acts(self) -> list[str]:
        """What was done."""
        return list(worlds.read(self.folder)["acts"])

    @property
    def verified(self) -> list[str]:
        """What the shelf was asked before it changed."""
        return list(worlds.read(self.folder)["verify"])

    @property
    def active(self) -> list[str]:
        """Machines that have the disks."""
        return list(worlds.read(self.folder)["active"])

    @property
    def stand_in(self) -> str:
        """What the inventory says."""
        file = self.site / "host_vars" / "apollo" / "stand_in.yml"
        return str(tree.load(file)["stand_in"]) if file.exists() else ""

    def nobody_wrote_twice(self) -> None:
        """Nobody was active while the shelf let in anybody else."""
        assert worlds.read(self.folder)["wrong"] == []


@pytest.fixture
def failover(tmp_path: Path) -> Failover:
    return Failover(tmp_path)


def in_order(acts: list[str], *wanted: str) -> None:
    """The acts contain these, in this order."""
    places = [acts.index(one) for one in wanted]
    assert places == sorted(places), acts


def test_one_that_hangs_is_fenced_first_and_then_started_anew(failover: Failover) -> None:
    failover.change(old="hangs")
    ran = failover("artemis")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    in_order(failover.acts, "systemctl stop", "tree shelf 10.143.0.71", "reboot", f"storage_volumes {AWAY}")
    assert failover.verified == ["shelf check --hands-over=1.0"], "of no other mailstore's LUN"
    failover.nobody_wrote_twice()


def test_without_a_proof_nothing_is_activated(failover: Failover) -> None:
    failover.change(more_cards=["02:53:00:00:00:18"])
    ran = failover("artemis")
    assert ran.returncode != 0
    assert "nothing was activated" in ran.stdout
    assert f"storage_volumes {AWAY}" not in failover.acts
    assert (failover.active, failover.stand_in) == ([], "")
    failover.nobody_wrote_twice()


@pytest.mark.parametrize("dead", ["san1", "san2"])
def test_a_shelf_that_does_not_answer_stops_nobodys_mail(failover: Failover, dead: str) -> None:
    """With any_errors_fatal, ansible-core 2.19 goes on with the next play after a host that is unreachable."""
    (failover.site / "san2.yml").write_text(SECOND_SHELF)
    storage = failover.site / "host_vars" / "apollo" / "storage.yml"
    storage.write_text(storage.read_text().replace("storage_groups:", '  - {name: mail2, aoe: "2.0"}\nstorage_groups:'))
    failover.change(dead_shelf=dead)
    ran = failover("artemis")
    assert ran.returncode != 0
    assert set(failover.acts) == {"shelf_exports_info"}
    assert f"{dead} does not answer" in " ".join(ran.stdout.split())


def test_a_look_changes_nothing(failover: Failover) -> None:
    ran = failover("artemis", "--check")
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert failover.acts == ["shelf_exports_info", f"storage_free_info {AWAY}"]
    assert "apollo can move to artemis; nothing was changed" in ran.stdout
