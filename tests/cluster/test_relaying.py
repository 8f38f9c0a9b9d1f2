"""The cluster takes mail for its own people and carries nobody else's, however the address is dressed up."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from frontdoor.mailclient import Origin
from tests.laboratory import Lab
from tests.people import People

# {mine}: an address of ours; {domain}, {host}: the cluster's domain, the exchanger.
FORGED = [
    "victim@elsewhere.test",
    "victim@other.elsewhere.test",
    "victim@[198.51.100.200]",
    "victim@198.51.100.200",
    "victim%elsewhere.test@{domain}",
    "victim%elsewhere.test@{host}",
    "victim%elsewhere.test%other.test@{domain}",
    "elsewhere.test!victim@{domain}",
    "elsewhere.test!victim",
    "victim%elsewhere.test",
    '"victim@elsewhere.test"@{domain}',
    '"victim@elsewhere.test"',
    '"victim%elsewhere.test"@{domain}',
    '"victim"@elsewhere.test',
    "@{domain}:victim@elsewhere.test",
    "@{host},@elsewhere.test:victim@elsewhere.test",
    "victim@elsewhere.test@{domain}",
    "victim@{domain}@elsewhere.test",
    "victim@elsewhere.test%{domain}",
    "victim@{domain}.elsewhere.test",
    "victim@not{domain}",
    "{mine}.elsewhere.test",
    "victim@localhost",
    "victim@[127.0.0.1]",
    "victim@{host}",
    "victim@sub.{domain}",
    "root",
    "root@localhost.localdomain",
    "|/bin/true@{domain}",
    "/etc/passwd@{domain}",
    ":include:/etc/passwd@{domain}",
    "\\victim@{domain}",
    "victim(elsewhere.test)@elsewhere.test",
]
SENDERS = ["writer@elsewhere.test", "{mine}", "", "postmaster@{domain}", "root@{host}", "{mine}@elsewhere.test"]


def relayed(lab: Lab, people: People, origin: Origin, host: str, sender: str) -> list[str]:
    """Try every forged recipient after one sender; return those that were not refused for good."""
    port = 25
    words = {"mine": people["alma"].mail, "domain": lab.inventory.domain, "host": lab.exchanger.fqdn}
    taken = []
    with lab.smtp(origin, host, port) as client:
        for number, recipient in enumerate(FORGED):
            if number % 6 == 0:  # a new session before the server loses patience with this one
                if number:
                    client.quit()
                    client.connect(host, port)
                client.ehlo()
                code, text = client.mail(sender.format(**words))
                if code // 100 == 5:
                    return []
                assert code == 250, text
            code, text = client.docmd(f"RCPT TO:<{recipient.format(**words)}>")
            if code // 100 != 5:
                taken.append(f"{recipient.format(**words)}: {code} {text.decode(errors='replace')}")
    return taken


@pytest.mark.parametrize("where", ["the internet", "a mailstore", "the name server", "the exchanger itself"])
def test_the_exchanger_carries_nothing_for_strangers(lab: Lab, people: People, where: str) -> None:
    inside = {
        "a mailstore": lab.stores[0].name,
        "the name server": lab.inventory.machines("dns")[0].name,
        "the exchanger itself": lab.exchanger.name,
    }
    origin = lab.internet if where == "the internet" else lab.origin(inside[where])
    host = lab.exchanger.public_address if where == "the internet" else lab.exchanger.address
    with ThreadPoolExecutor(len(SENDERS)) as pool:
        results = dict(zip(SENDERS, pool.map(lambda sender: relayed(lab, people, origin, host, sender), SENDERS), strict=True))
    assert not any(results.values()), results


@pytest.mark.parametrize("index", [0, 1])
def test_mailstores_carry_nothing_for_whom_they_listen_to(lab: Lab, people: People, index: int) -> None:
    """Exchangers and other mailstores may speak with a mailstore, yet not through it."""
    store, other = lab.stores[index], lab.stores[1 - index]
    for origin in (lab.origin(other.name), lab.origin(lab.exchanger.name)):
        # What the other machines' own daemons write to root is the postmaster's.
        assert [taken for taken in relayed(lab, people, origin, store.address, SENDERS[0]) if not taken.startswith("root: ")] == []


def test_the_hand_over_port_carries_nothing(lab: Lab, people: People) -> None:
    here, there = lab.stores[:2]
    with lab.origin(there.name).smtp(here.address, 2525, helo=there.fqdn) as client:
        client.secure(here.fqdn)
        client.mail("writer@elsewhere.test")
        for recipient in ("victim@elsewhere.test", f"victim%elsewhere.test@{lab.inventory.domain}", people.address("nobody")):
            code, text = client.rcpt(recipient)
            assert code >= 400, (recipient, text)


def test_the_stages_behind_the_first_are_out_of_reach(lab: Lab) -> None:
    for origin, host in ((lab.internet, lab.exchanger.public_address), (lab.origin(lab.stores[0].name), lab.exchanger.address)):
        assert origin.open_ports([(host, port) for port in (10023, 10024, 10025, 10026)]) == set()


def test_headers_do_not_name_recipients(lab: Lab, people: People) -> None:
    """Who is in To and Bcc and not in the envelope gets nothing."""
    bystander = people["bela"]
    token, outcome = lab.send(people["alma"].mail, headers=[("To", bystander.mail), ("Bcc", "victim@elsewhere.test")])
    assert outcome.sent, outcome
    lab.receive(people["alma"], token)
    assert lab.count(bystander, token) == 0


def test_xclient_and_xforward_are_not_offered_to_strangers(lab: Lab) -> None:
    with lab.smtp() as client:
        _, features = client.ehlo()
        assert b"XCLIENT" not in features
        assert b"XFORWARD" not in features
        for command in (
            "XCLIENT ADDR=127.0.0.1",
            "XFORWARD ADDR=127.0.0.1",
            "ETRN elsewhere.test",
            f"VRFY {lab.inventory.domain}",
            "EXPN staff",
        ):
            code, text = client.docmd(command)
            assert code // 100 == 5 or code in (252, 458, 459), (command, code, text)
