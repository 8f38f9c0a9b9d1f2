"""Each nightly job ends well as its timer starts it: confined, and as the account that it has at night."""

from __future__ import annotations

import pytest

from tests.backup.copying import machine
from tests.laboratory import Lab
from tests.people import People

#: Of the two that take long when many people are there, one person's is enough.
OF_ONE = ("mirror", "drill")


@pytest.mark.parametrize("job", ["mirror", "drill", "cull"])
def test_a_job_ends_well_as_its_timer_starts_it(lab: Lab, people: People, job: str) -> None:
    person, backup, unit = people["alma"], machine(lab).name, f"posthouse-backup-{job}.service"
    way = lab.origin(lab.exchanger.name)
    token, _ = lab.send(person.mail, origin=way, host=lab.store_of(person).address, helo=lab.exchanger.fqdn)
    lab.receive(person, token)
    override = f"/run/systemd/system/{unit}.d/one.conf"
    if job in OF_ONE:
        text = f"[Service]\nExecStart=\nExecStart=/usr/sbin/backup {job} --person {person.uid}\n"
        lab.run(backup, f"mkdir -p $(dirname {override}) && cat > {override} && systemctl daemon-reload", text)
    try:
        lab.run(backup, f"systemctl start {unit} || journalctl -u {unit} -n 20 -o cat >&2", timeout=120)
        said = lab.run(backup, f"systemctl show -P Result {unit}; journalctl -q -u {unit} --since -2min -o cat")
        assert said.startswith("success"), said
        assert lab.run(backup, f"systemctl is-enabled posthouse-backup-{job}.timer").strip() == "enabled"
    finally:
        if job in OF_ONE:
            lab.run(backup, f"rm -rf $(dirname {override}); systemctl daemon-reload; systemctl reset-failed {unit}", check=False)
