"""The directory as the machines of the cluster find it; the whole table of who reads what is tests/integration/test_directory_access.py."""

from __future__ import annotations

import shlex
import time
import uuid

import pytest

from tests.laboratory import Lab
from tests.people import People

IDENTITIES = ["mailstore", "proxy", "recipients", "inside", "provisioner"]


def ask(lab: Lab, machine: str, server: str, who: str, password: str, query: str) -> str:
    """Ask a server from a machine, as an identity, by StartTLS with the cluster's authority; the password goes by standard input."""
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    command = f"ldapsearch -LLL -o ldif-wrap=no -x -ZZ -H ldap://{server} -D {shlex.quote(who)} -y /dev/stdin -b {suffix}"
    return lab.run(machine, f"{command} {shlex.quote(query)} 2>&1", stdin=password, check=False)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_identities_are_let_in_by_both_servers(lab: Lab, people: People, identity: str) -> None:
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    password = lab.inventory.values["cluster_secrets"][f"directory_{identity}"]
    servers = lab.inventory.machines("directory")
    for server in servers:
        answer = ask(lab, servers[0].name, server.fqdn, f"cn={identity},ou=Services,{suffix}", password, f"(mail={people['alma'].mail})")
        assert f"mail: {people['alma'].mail}" in answer, answer
        assert "userPassword" not in answer


def test_a_change_is_at_the_replica_within_a_second_or_two(lab: Lab, people: People) -> None:
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    replica = lab.inventory.machines("directory_replica")[0].name
    word = uuid.uuid4().hex
    lab.ldapmodify(f"dn: uid={people['alma'].uid},ou=People,{suffix}\nchangetype: modify\nreplace: title\ntitle: {word}\n")
    read = f"ldapsearch -Q -Y EXTERNAL -H ldapi:/// -LLL -b {suffix} '(uid={people['alma'].uid})' title"
    deadline = time.monotonic() + 2
    while word not in (answer := lab.run(replica, read)):
        assert time.monotonic() < deadline, answer


def test_who_changed_what_is_remembered_without_passwords(lab: Lab, people: People) -> None:
    suffix = lab.inventory.values["cluster_ldap_suffix"]
    provider = lab.inventory.machines("directory_provider")[0].name
    word = uuid.uuid4().hex
    dn = f"uid={people['bela'].uid},ou=People,{suffix}"
    change = f"dn: {dn}\nchangetype: modify\nreplace: title\ntitle: {word}\n-\nreplace: userPassword\nuserPassword: {word * 2}\n"
    lab.ldapmodify(change)
    query = f"(&(objectClass=auditModify)(reqDN={dn}))"
    told = lab.run(
        provider, f"ldapsearch -Q -Y EXTERNAL -H ldapi:/// -LLL -o ldif-wrap=no -b cn=accesslog {shlex.quote(query)} reqMod reqAuthzID"
    )
    assert f"reqMod: title:= {word}" in told
    assert f"reqAuthzID: cn=admin,{suffix}" in told
    assert word * 2 not in told
    lab.ldapmodify(f"dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: {people['bela'].password}\n")
