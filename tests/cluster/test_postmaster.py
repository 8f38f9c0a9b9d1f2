"""Who complains to postmaster@ or abuse@ of any domain reaches somebody, also where it is nobody's (RFC 5321 4.5.1, RFC 2142)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from frontdoor import post
from tests.laboratory import Lab


def everywhere(lab: Lab, token: str) -> int:
    """How many mailboxes of the cluster have the letter."""
    return sum(int(lab.run(store.name, f"grep -rl {token} /mnt/home/*/Maildir/new | wc -l", check=False)) for store in lab.stores)


@contextmanager
def nobodys(lab: Lab, address: str) -> Iterator[None]:
    """Take an address from whoever has it as an alternate one."""
    owner = lab.ldapsearch(f"(mailAlternateAddress={address})", "uid")[0]["dn"][0]
    change = f"dn: {owner}\nchangetype: modify\n{{}}: mailAlternateAddress\nmailAlternateAddress: {address}\n"
    question = f"ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b '{owner}' '(!(mailAlternateAddress={address}))' dn"
    lab.ldapmodify(change.format("delete"))
    try:
        for server in lab.inventory.machines("directory"):
            known = f"{question} | grep -q ^dn: && echo yes"
            assert post.wait_for(lambda at=server.name, ask=known: bool(lab.run(at, ask, check=False)), 30)  # type: ignore[misc]
        yield
    finally:
        lab.ldapmodify(change.format("add"))


@pytest.mark.parametrize("local", ["postmaster", "abuse"])
def test_it_arrives_at_somebody_in_every_domain(lab: Lab, local: str) -> None:
    for domain in lab.inventory.values["cluster_domains"]:
        token, outcome = lab.send(f"{local}@{domain}", sender="")
        assert outcome.sent, (domain, outcome)
        assert post.wait_for(lambda token=token: everywhere(lab, token) == 1, 60), f"{local}@{domain} arrives nowhere"  # type: ignore[misc]


def test_where_the_directory_names_nobody_it_arrives_at_the_clusters_postmaster(lab: Lab) -> None:
    address = f"abuse@{lab.inventory.domain}"
    person = lab.ldapsearch(f"(mail={lab.inventory.values['cluster_postmaster']})", "uid", "mailHost")[0]
    store = person["mailHost"][0].partition(".")[0]
    with nobodys(lab, address):
        token, outcome = lab.send(address)
        assert outcome.sent, outcome
        command = f"grep -rl {token} /mnt/home/{person['uid'][0]}/Maildir/new | wc -l"
        assert post.wait_for(lambda: lab.run(store, command, check=False).strip() == "1", 60)
        for machine in lab.stores:
            _, answer = lab.send(address, origin=lab.origin(lab.exchanger.name), host=machine.address)
            assert answer.sent, (machine.name, answer)
        _, answer = lab.send(f"hostmaster@{lab.inventory.domain}")
        assert answer.code == 550, "only what the site says is always valid"
