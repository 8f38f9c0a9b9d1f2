"""Machines with something to seal: who may read what is sealed, and that nobody but a backup machine gets an answer."""

from __future__ import annotations

import pytest

from tests.laboratory import Lab

NOUNS = ("directory", "quarantine")


@pytest.mark.parametrize("noun", NOUNS)
def test_what_is_sealed_is_readable_for_who_hands_it_over_and_writable_for_root_alone(lab: Lab, noun: str) -> None:
    for machine in lab.inventory.machines(noun):
        said = lab.run(machine.name, "stat -c '%U %G %a' /var/lib/posthouse-site-state && systemctl is-active posthouse-site-state.socket")
        assert said.split() == ["root", "posthouse-site-state", "2750", "active"], machine.name
        lab.run(machine.name, "systemctl is-enabled posthouse-site-state-seal.timer && site-state status --json")
        assert "age-secret" not in lab.run(machine.name, "cat /etc/posthouse/site-state.toml").lower()


def test_a_machine_of_the_cluster_that_is_no_backup_gets_nothing(lab: Lab) -> None:
    """By its own certificate, from the machine itself, where no firewall is in the way."""
    machine = lab.inventory.machines(NOUNS[0])[0]
    files = "/etc/ssl/posthouse"
    ask = f"(echo list; sleep 1) | openssl s_client -quiet -connect {machine.address}:2530 -CAfile {files}/ca.pem"
    assert lab.run(machine.name, f"{ask} -cert {files}/machine.pem -key {files}/machine.key 2>/dev/null", check=False) == ""
    assert lab.run(machine.name, f"{ask} 2>/dev/null", check=False) == ""
    backup = lab.inventory.machines("backup")[0]
    answer = f"(echo list; sleep 1) | openssl s_client -quiet -connect {machine.fqdn}:2530 -CAfile {files}/ca.pem -verify_return_error"
    told = lab.run(backup.name, f"{answer} -cert {files}/machine.pem -key {files}/machine.key 2>/dev/null", check=False)
    assert told.startswith("[")
