"""The name server says what the inventory says, inside and outside, and is nobody's resolver out there."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.reversename
import pytest

from frontdoor import paths
from frontdoor.landscape import Landscape
from tests.laboratory import Lab

INVENTORY = Landscape(paths.INVENTORY)


def ask(name: str, kind: str, server: str | None = None) -> dns.message.Message:
    """Ask the name server from the control node, which stands on both networks."""
    return dns.query.udp(dns.message.make_query(name, kind), server or INVENTORY.machines("dns")[0].address, timeout=5)


def answers(name: str, kind: str, server: str | None = None) -> set[str]:
    return {item.to_text() for record in ask(name, kind, server).answer for item in record}


@pytest.mark.parametrize("machine", INVENTORY.ours, ids=lambda machine: machine.name)
def test_every_machine_has_a_name_and_a_way_back(machine: object) -> None:
    name, address = getattr(machine, "fqdn", ""), getattr(machine, "address", "")
    assert answers(name, "A") == {address}
    assert answers(dns.reversename.from_address(address).to_text(), "PTR") == {f"{name}."}


def test_mail_of_the_campus_goes_to_the_submission_machines() -> None:
    names = {f"{machine.fqdn}." for machine in INVENTORY.machines("submission")}
    for domain in [*INVENTORY.values["cluster_domains"], *INVENTORY.values["cluster_collapsed_domains"]]:
        assert {answer.split()[1] for answer in answers(domain, "MX")} == names, domain


def test_every_domain_says_who_sends_its_mail() -> None:
    for domain in INVENTORY.values["cluster_domains"]:
        assert any(text.startswith('"v=spf1 ') for text in answers(domain, "TXT")), domain


def test_people_find_the_proxies() -> None:
    addresses = {proxy.address for proxy in INVENTORY.machines("proxy")}
    for service in ("imap", "pop", "sieve", "mail"):
        assert answers(f"{service}.{INVENTORY.domain}", "A") == addresses


def test_the_internet_sees_public_addresses_only_and_gets_no_recursion(lab: Lab) -> None:
    server = INVENTORY.machines("dns")[0].public_address
    command = f"getent ahostsv4 mx1.{INVENTORY.domain} | cut -d' ' -f1 | sort -u"
    assert lab.run(lab.outside.name, command).split() == [lab.exchanger.public_address]
    query = dns.message.make_query("example.test", "A").to_wire()
    code = f"""
import socket
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.settimeout(5)
there.sendto({query!r}, ("{server}", 53))
answer = there.recv(512)
print(answer[3] & 15, answer[3] >> 7)
"""
    assert lab.run(lab.outside.name, "python3", stdin=code).split() == ["5", "0"], "REFUSED, and no recursion available (RFC 1035, 4.1.1)"


def test_unknown_names_do_not_exist() -> None:
    assert ask(f"nosuch.{INVENTORY.domain}", "A").rcode() == dns.rcode.NXDOMAIN
    assert ask(INVENTORY.domain, "SOA").flags & dns.flags.AA
