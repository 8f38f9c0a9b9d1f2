"""A replica that has lost its data: it says nothing until it knows everything again, since "no such person" would be for good."""

from __future__ import annotations

import secrets

import pytest

from tests.faults import faults
from tests.laboratory import Lab
from tests.people import People

COUNT = "ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b {suffix} -o ldif-wrap=no dn | grep -c ^dn:"


def test_an_empty_replica_fills_itself_before_it_answers(lab: Lab) -> None:
    provider = lab.inventory.machines("directory_provider")[0].name
    replica = lab.inventory.machines("directory_replica")[0].name
    count = COUNT.format(suffix=lab.inventory.values["cluster_ldap_suffix"])
    everybody = int(lab.run(provider, count))
    with faults.window():
        lab.run(replica, "systemctl stop slapd && rm -rf /var/lib/ldap/data/* /var/lib/ldap/caught-up")
        try:
            with faults.stopped(lab, "slapd", [provider]):
                lab.run(replica, "systemctl start --no-block slapd; sleep 4")
                assert lab.run(replica, "ss -Hltn 'sport = 389 or sport = 636'") == "", "an empty replica listens"
        finally:
            lab.run(replica, "systemctl start slapd")
    assert int(lab.run(replica, count)) >= everybody


def test_a_replica_that_was_off_knows_the_newest_person_when_it_answers(lab: Lab) -> None:
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    replica = lab.inventory.machines("directory_replica")[0].name
    newest = f"newest{secrets.token_hex(3)}"
    people = People(lab.inventory.domain, [store.fqdn for store in lab.stores])
    some = {f"{newest}{number}": people.add(f"{newest}{number}", mailHost=lab.stores[0].fqdn) for number in range(5)}
    last = list(some.values())[-1]
    try:
        with faults.stopped(lab, "slapd", [replica]):
            lab.ldapmodify("".join(person.ldif(suffix) for person in some.values()), add=True)
            lab.run(replica, "systemctl start --no-block slapd")
            # The first answer of all counts: 255 is what ldapsearch says of a server that does not listen.
            ask = f"ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b {suffix} mail={last.mail} dn 2>/dev/null"
            answer = lab.run(replica, f"for try in $(seq 600); do {ask}; [ $? -eq 255 ] || break; sleep 0.05; done")
        assert f"uid={last.uid}," in answer, "the replica answered before it knew everybody"
    finally:
        lab.dismiss(some)


def test_a_replica_does_not_wait_for_a_provider_that_is_away(lab: Lab) -> None:
    provider = lab.inventory.machines("directory_provider")[0].name
    replica = lab.inventory.machines("directory_replica")[0].name
    with faults.stopped(lab, "slapd", [provider]):
        lab.run(replica, "systemctl restart slapd", timeout=30)
        assert "answers with what it has" in lab.run(replica, "journalctl -q -o cat -u slapd --since=-30s")


@pytest.mark.parametrize("which", ["directory_provider", "directory_replica"])
def test_a_configuration_that_slapd_refuses_is_not_kept(lab: Lab, which: str) -> None:
    machine = lab.inventory.machines(which)[0].name
    spoil = "sed 's/^olcSuffix: o=.*/olcSuffix: nonsense/' /etc/ldap/posthouse/config.ldif"
    check = "sed 's#/etc/ldap/posthouse/config.ldif#/root/spoilt.ldif#' /usr/local/libexec/posthouse-directory"
    lab.run(machine, f"umask 077; {spoil} > /root/spoilt.ldif; {check} > /root/spoilt")
    told = lab.run(machine, "sh /root/spoilt check 2>&1 && echo accepted; rm -f /root/spoilt /root/spoilt.ldif", check=False)
    assert "accepted" not in told
    assert "nonsense" in told or "olcSuffix" in told
    assert lab.run(machine, "ls -d /etc/ldap/slapd.d.new.* 2>/dev/null | wc -l").strip() == "0"
