"""Faults of an inventory where standbys may run mailstores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_check_inventory import change, site, told, write

__all__ = ["site"]

STANDBYS = """\
    storage:
      hosts:
        store1: {storage_hardware_address: "02:00:00:00:00:21"}
        spare1:
        spare2:
    standby:
      hosts:
        spare1: {address: 192.0.2.25, storage_hardware_address: "02:00:00:00:00:25"}
        spare2: {address: 192.0.2.26, storage_hardware_address: "02:00:00:00:00:26"}
"""


@pytest.fixture
def pair(site: Path) -> Path:
    """A site with two standbys and one mailstore that they can run."""
    write(site, "hosts.yml", (site / "hosts.yml").read_text() + STANDBYS)
    return site


def test_a_standby_may_stand_in(pair: Path) -> None:
    assert told(pair) == []
    write(pair, "host_vars/store1/stand_in.yml", "---\nstand_in: spare1\n")
    assert told(pair) == []
    write(pair, "host_vars/store1/stand_in.yml", '---\nstand_in: ""\n')
    assert told(pair) == []


@pytest.mark.parametrize(
    ("host", "standby", "sentence"),
    [
        ("store1", "spare11", "which is no standby; did you mean spare1?"),
        ("store1", "ldap1", "which is no standby; there are spare1, spare2"),
        ("store1", "store1", "which is no standby"),
        ("store2", "spare1", "only a host of mailstore and of storage can be run by another machine: take it out"),
        ("spare2", "spare1", "only a host of mailstore and of storage can be run by another machine: take it out"),
    ],
)
def test_who_stands_in_for_whom_has_to_be_possible(pair: Path, host: str, standby: str, sentence: str) -> None:
    write(pair, f"host_vars/{host}/stand_in.yml", f"---\nstand_in: {standby}\n")
    (fault,) = told(pair)
    assert fault.startswith(f"host_vars/{host}/stand_in.yml:2: {host} has the stand_in {standby}, ")
    assert sentence in fault


@pytest.mark.parametrize("file", ["host_vars/store1.yml", "host_vars/store1/site.yml"])
def test_where_a_mailstore_is_stands_where_a_failover_looks(pair: Path, file: str) -> None:
    """Elsewhere it would still say so when the mailstore is home again."""
    write(pair, file, "---\nstand_in: spare1\n")
    (fault,) = told(pair)
    assert fault.startswith(f"{file}:2: store1 has the stand_in spare1, ")
    assert fault.endswith("keeps in host_vars/store1/stand_in.yml: move it")


def test_a_machine_is_one_mailstore_at_a_time(pair: Path) -> None:
    change(pair, "hosts.yml", "        spare1:\n", "        store2:\n        spare1:\n")
    for host in ("store1", "store2"):
        write(pair, f"host_vars/{host}/stand_in.yml", "---\nstand_in: spare1\n")
    (fault,) = told(pair)
    assert "store2 and store1 have the same stand_in spare1" in fault


def test_a_standby_reaches_disks(pair: Path) -> None:
    change(pair, "hosts.yml", "        spare2:\n", "")
    (fault,) = told(pair)
    assert "spare2 is of standby, but not of storage" in fault


def test_a_standby_is_nothing_else(pair: Path) -> None:
    change(pair, "hosts.yml", "        ns1: {", "        spare1:\n        ns1: {")
    (fault,) = told(pair)
    assert "spare1 is of standby and of dns, and it becomes another machine when that one dies" in fault


def test_each_card_is_of_one_machine(pair: Path) -> None:
    change(pair, "hosts.yml", "02:00:00:00:00:25", "02:00:00:00:00:21")
    (fault,) = told(pair)
    assert "spare1 has the storage_hardware_address 02:00:00:00:00:21, which is store1's (hosts.yml:" in fault


def test_a_file_that_a_folder_hides_is_told(pair: Path) -> None:
    """ansible-core, DataLoader.find_vars_files: the first that exists, and without a suffix comes first."""
    write(pair, "host_vars/store1.yml", "---\nlab_virtual: {memory: 512, processors: 1}\n")
    assert told(pair) == []
    write(pair, "host_vars/store1/stand_in.yml", "---\nstand_in: spare1\n")
    (fault,) = told(pair)
    assert fault == "host_vars/store1.yml: Ansible reads the folder host_vars/store1 and then not this file: move it into the folder"
