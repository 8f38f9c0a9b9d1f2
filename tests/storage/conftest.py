"""A mailstore whose disks are on a shelf, and people who live on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from frontdoor.landscape import Machine
from tests.laboratory import Lab, lab
from tests.people import People, Person

__all__ = ["lab", "rosa", "shelf", "store"]


@pytest.fixture(scope="session")
def store(lab: Lab) -> Machine:
    """Return the mailstore that keeps its mail on a shelf."""
    with_disks = set(lab.inventory.groups.get("storage", []))
    found = [machine for machine in lab.stores if machine.name in with_disks]
    assert found, "this inventory has no mailstore with storage: POSTHOUSE_INVENTORY=inventory/lab_storage, after ./lab up --storage"
    return found[0]


@pytest.fixture(scope="session")
def shelf(lab: Lab) -> Machine:
    """Return the machine that has the disks."""
    return lab.inventory.machines("shelf")[0]


@pytest.fixture(scope="session")
def rosa(lab: Lab, store: Machine) -> Iterator[Person]:
    """Have somebody who lives on that mailstore, known to all; she and her mail are gone afterwards."""
    group = People(lab.inventory.domain, [machine.fqdn for machine in lab.stores])
    group.clear()
    person = group.add("rosa", mailHost=store.fqdn)
    lab.enrol(group)
    yield person
    lab.dismiss(group)
