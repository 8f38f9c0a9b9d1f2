"""The lab's world: a root that everybody begins at, delegations with keys, and zones that named accepts."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "playbooks/lab/roles/internet/filter_plugins/world.py"
ZONES = [
    {"name": "elsewhere.test", "records": [{"name": "internet", "type": "A", "value": "198.51.100.200"}]},
    {"name": "moving.test", "records": [{"name": "@", "type": "TXT", "value": 'say "hi"'}]},
]
SERVER = "internet.elsewhere.test"
DS = "1 13 2 " + "AB" * 32


def load() -> Any:
    """The role's filters; they stand where Ansible looks for them."""
    specification = importlib.util.spec_from_file_location("world", SOURCE)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


world = load()


def files() -> dict[str, list[str]]:
    ours = world.world_delegations(
        ["ours.test", "below.ours.test", "100.51.198.in-addr.arpa"],
        {"ours.test": [DS], "below.ours.test": ["2 13 2 " + "CD" * 32]},
        [{"name": "ns1.ours.test", "addresses": ["198.51.100.2"]}],
    )
    made = world.world_files(ZONES, ours, SERVER, ["198.51.100.200", "2001:db8::200"], "/w")
    return {path.removeprefix("/w/"): text.splitlines() for path, text in made.items()}


def test_the_labs_machines_begin_at_the_worlds_root() -> None:
    values = yaml.safe_load((ROOT / "inventory/lab/group_vars/all/site.yml").read_text(encoding="utf-8"))
    assert [anchor["ds"] for anchor in values["cluster_dnssec_anchors"]] == world.world_signers(["."])["."]


def test_the_root_and_the_top_level_lead_everywhere() -> None:
    made = files()
    assert set(made) == {"root", "test", "elsewhere.test", "moving.test"}
    assert f"test. IN NS {SERVER}." in made["root"]
    assert f"test. IN DS {world.world_signers(['test'])['test'][0]}" in made["root"]
    assert "100.51.198.in-addr.arpa. IN NS ns1.ours.test." in made["root"]
    assert f"{SERVER}. IN AAAA 2001:db8::200" in made["root"]
    assert f"ours.test. IN DS {DS}" in made["test"]
    assert "ns1.ours.test. IN A 198.51.100.2" in made["test"]
    # Who is below ours is told of by ours.
    assert not [line for line in made["test"] if "below" in line]
    assert "internet IN A 198.51.100.200" in made["elsewhere.test"]
    assert '@ IN TXT "say \\"hi\\""' in made["moving.test"]


@pytest.mark.skipif(shutil.which("named-checkzone") is None, reason="bind9-utils brings named-checkzone")
def test_named_accepts_the_world(tmp_path: Path) -> None:
    for name, lines in files().items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        zone = "." if name == "root" else name
        run = subprocess.run(["named-checkzone", "-i", "none", zone, tmp_path / name], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout


def test_every_zone_of_the_world_has_its_key() -> None:
    names = world.world_names(ZONES)
    made = world.world_key_files(names, "/k")
    assert len([path for path in made if path.endswith(".private")]) == len(names) == 4
    assert len(set(made.values())) == len(made)


def test_name_servers_are_known_by_their_public_addresses() -> None:
    hosts = {"ns1": {"address": "10.0.0.2", "public_address": "198.51.100.2", "cluster_domains": ["ours.test"]}}
    assert world.world_servers(["ns1"], hosts) == [{"name": "ns1.ours.test", "addresses": ["198.51.100.2"]}]
