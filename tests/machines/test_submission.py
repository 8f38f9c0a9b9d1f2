"""What proves logins is open to the mail server alone, and only machines where people hand mail in know who owns which address."""

from __future__ import annotations

from tests.laboratory import Lab


def test_the_door_to_logins_is_open_to_one_user_and_to_no_network(lab: Lab) -> None:
    for machine in lab.inventory.machines("submission"):
        said = lab.run(machine.name, "stat -c '%a %U' /run/posthouse-sasl/socket /run/dovecot/sasl")
        assert said.splitlines() == ["600 postfix-outside", "600 posthouse-sasl"]
        assert "dovecot" not in lab.run(machine.name, "ss -Hltunp"), "it listens to a network"
        said = lab.run(machine.name, "runuser -u posthouse-recipients -- doveadm auth test -a /run/dovecot/sasl x y 2>&1 || true")
        assert "Permission denied" in said
        assert lab.run(machine.name, "stat -c '%a %U %G' /etc/dovecot/dovecot.conf").split() == ["640", "root", "dovecot"]


def test_exchangers_of_the_internet_do_not_know_who_logs_in_as_whom(lab: Lab) -> None:
    records = "tr -c '[:print:]' '\\n' < /var/lib/posthouse-recipients/recipients.cdb | grep -c 'from [^ ]*@' || true"
    for noun, known in (("exchanger", False), ("submission", True)):
        for machine in lab.inventory.machines(noun):
            assert (lab.run(machine.name, records).strip() != "0") is known, machine.name
