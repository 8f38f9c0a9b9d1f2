"""The same cluster by IPv6: a letter's whole way, who waits at the door, who is listed, and who is trusted for where they come from."""

from __future__ import annotations

import secrets
import time
from ipaddress import ip_network

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin
from tests.laboratory import Lab
from tests.people import People


@pytest.fixture(scope="module")
def six(lab: Lab) -> Lab:
    """The lab, if it has IPv6."""
    if not (lab.outside.address6 and lab.exchanger.public_address6):
        pytest.skip("this host's kernel has no IPv6, and the lab said so")
    return lab


def stranger(lab: Lab, middle: str = "1") -> Origin:
    """Come from an address on the internet that nobody has seen before."""
    network = ip_network(f"{lab.outside.address6}/64", strict=False)
    address = str(network.network_address + (int(middle, 16) << 48) + secrets.randbits(48))
    device = f"$(ip -o -6 addr show to {lab.outside.address6} | cut -d' ' -f2)"
    # Never the address from which the machine starts by itself (RFC 6724, rule 3).
    lab.run(lab.outside.name, f"ip addr replace {address}/64 dev {device} nodad preferred_lft 0")
    return lab.origin(lab.outside.name, address)


def test_a_letter_comes_by_ipv6_and_is_read_by_ipv6(six: Lab, people: People) -> None:
    reader = people["alma"]
    token, outcome = six.send(reader.mail, host=six.exchanger.public_address6)
    assert outcome.sent, outcome
    with six.internet.imap(six.proxy.public_address6, f"imap.{six.inventory.domain}") as client:
        client.login(reader.uid, reader.password)
        found = post.wait_for(lambda: post.find(client, token, "INBOX"), 60)
    assert len(found) == 1
    received = [str(line) for line in found[0].get_all("Received", [])]
    assert any(f"[IPv6:{six.outside.address6}]" in line and f"by {six.exchanger.fqdn}" in line for line in received), received
    # The filter hears of it through two stages that are reached by IPv4 (docs/decisions/0020).
    judged = f"journalctl -q -o cat -t amavis --since -5min -g {token} || true"
    assert f"[{six.outside.address6}]" in post.wait_for(lambda: six.run(six.exchanger.name, judged), 10)
    # Its domain sends from where its MX stands, which has both families (RFC 7208, 5.4).
    assert "spf=pass" in str(found[0]["Authentication-Results"])


def test_a_stranger_waits_for_the_greeting_and_who_does_not_is_sent_away(six: Lab) -> None:
    patient = stranger(six)
    begun = time.monotonic()
    with patient.smtp(six.exchanger.public_address6, 25) as client:
        waited = time.monotonic() - begun
        assert waited > 2.5, "the greet wait is three seconds in the lab"
        client.ehlo()
        assert [client.mail("writer@elsewhere.test")[0], client.rcpt("nobody-at-all@elsewhere.test")[0]] == [250, 554]
    eager = stranger(six).connect(six.exchanger.public_address6, 25)
    eager.sendall(b"EHLO client.elsewhere.test\r\n")
    answer = b"".join(iter(lambda: eager.recv(4096), b""))
    assert b"250" not in answer, answer


def test_the_sites_own_list_knows_networks_of_ipv6(six: Lab, people: People) -> None:
    client = stranger(six, "bad")
    token, outcome = six.send(people["alma"].mail, origin=client, host=six.exchanger.public_address6)
    assert (outcome.stage, outcome.code) == ("rcpt", 550), outcome
    assert f"client [{client.source}] blocked using the list of {six.inventory.domain}" in outcome.text, outcome
    assert six.count(people["alma"], token) == 0


def test_whoever_says_the_name_of_an_address_of_ours_is_not_believed(six: Lab) -> None:
    with six.internet.smtp(six.exchanger.public_address6, 25, f"[IPv6:{six.exchanger.public_address6}]") as client:
        client.ehlo()
        client.mail("writer@elsewhere.test")
        assert client.rcpt(f"postmaster@{six.inventory.domain}")[0] == 553


def test_fates_follow_a_letter_that_came_by_ipv6(six: Lab, people: People) -> None:
    token, outcome = six.send(people["bela"].mail, host=six.exchanger.public_address6)
    assert outcome.sent, outcome
    six.receive(people["bela"], token)
    told = six.run(six.exchanger.name, f"fates trace --since=-5min {token}", check=False)
    assert six.outside.address6 in told, told
