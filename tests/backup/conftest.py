"""The lab's fixtures, for these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backup.crowd import Member, crowd
from tests.laboratory import Lab, lab, people

__all__ = ["lab", "members", "people"]


@pytest.fixture(scope="session")
def members(lab: Lab) -> Iterator[list[Member]]:
    """Twenty people with 250 letters each, made once for all tests of backups."""
    with crowd(lab) as found:
        yield found
