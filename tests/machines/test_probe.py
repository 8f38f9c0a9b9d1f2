"""The probe of ./lab up is green: a letter for somebody on each mailstore, read back through the proxy, and a virus that stops."""

from __future__ import annotations

from frontdoor import probe
from tests.laboratory import Lab


def test_every_mailstore_has_its_letter(lab: Lab) -> None:
    results = probe.run(lab.inventory, lab.ssh_config, progress=False)
    assert [result.mailbox for result in results if not result.error]
    assert not [result for result in results if result.error], probe.table(results)
    ends = [*lab.stores, *lab.inventory.machines("quarantine")]
    assert {result.path[-1] for result in results} == {machine.name for machine in ends}
    assert {tuple(result.path[:2]) for result in results} == {(lab.outside.name, lab.exchanger.name)}
