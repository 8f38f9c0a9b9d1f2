"""The last question, of the two machines that no other stage knows: did they, or the kernel of one, warn of anything without a reason?"""

from __future__ import annotations

from frontdoor.landscape import Machine
from tests.journals.test_journals import entries, unexplained
from tests.laboratory import Lab


def test_a_mailstore_with_storage_warns_of_nothing_without_a_reason(lab: Lab, store: Machine) -> None:
    assert unexplained(entries(lab, store.name, kernel=True)) == ""


def test_nor_does_its_shelf(lab: Lab, shelf: Machine) -> None:
    assert unexplained(entries(lab, shelf.name)) == ""
