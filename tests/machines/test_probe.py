"""The probe of ./lab up is green: a letter for somebody on each mailstore, read back through the proxy, a virus that stops, and what a
person hands in, to another and to the world."""

from __future__ import annotations

from frontdoor import probe
from tests.laboratory import Lab


def test_every_mailstore_has_its_letter(lab: Lab) -> None:
    results = probe.run(lab.inventory, lab.ssh_config, progress=False)
    assert [result.mailbox for result in results if not result.error]
    assert not [result for result in results if result.error], probe.table(results)
    door = lab.inventory.machines("submission")[0].name
    ends = [*lab.stores, *lab.inventory.machines("quarantine"), lab.outside]
    assert {result.path[-1] for result in results} == {machine.name for machine in ends}
    assert {result.path[1] for result in results} == {lab.exchanger.name, door}
    assert {result.path[-1] for result in results if result.path[1] == door} == {lab.stores[-1].name, lab.outside.name}
