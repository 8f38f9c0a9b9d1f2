"""People log in at the proxy and are with their mailbox, wherever it lives; who may not is told nothing more."""

from __future__ import annotations

import imaplib
import poplib
from concurrent.futures import ThreadPoolExecutor

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin
from frontdoor.managesieve import SieveError
from tests.laboratory import Lab
from tests.people import People

IMAP_PORTS, POP_PORTS = (993, 143), (995, 110)


@pytest.mark.parametrize("name", ["alma", "bela"])
@pytest.mark.parametrize("port", IMAP_PORTS)
def test_imap(lab: Lab, people: People, name: str, port: int) -> None:
    with lab.imap(people[name], port=port) as client:
        assert client.select("INBOX")[0] == "OK"
        assert client.create("Kept")[0] in ("OK", "NO")
        assert b"Kept" in b"".join(line for line in client.list()[1] if isinstance(line, bytes))


@pytest.mark.parametrize("name", ["alma", "bela"])
@pytest.mark.parametrize("port", POP_PORTS)
def test_pop3(lab: Lab, people: People, name: str, port: int) -> None:
    token, _ = lab.send(people[name].mail)
    lab.receive(people[name], token)
    client = lab.internet.pop3(lab.proxy.public_address, f"pop.{lab.inventory.domain}", port)
    client.user(people[name].uid)
    client.pass_(people[name].password)
    count = client.stat()[0]
    texts = [b"\n".join(client.retr(number)[1]) for number in range(max(1, count - 5), count + 1)]
    client.quit()
    assert any(token.encode() in text for text in texts)


@pytest.mark.parametrize("name", ["alma", "bela"])
def test_managesieve(lab: Lab, people: People, name: str) -> None:
    client = lab.internet.sieve(lab.proxy.public_address, f"sieve.{lab.inventory.domain}")
    client.login(people[name].uid, people[name].password)
    client.put("mine", 'require ["fileinto"];\r\nkeep;\r\n')
    assert "mine" in client.scripts()
    with pytest.raises(SieveError, match=r"line \d"):
        client.put("broken", "this is no sieve\r\n")
    client.delete("mine")
    client.logout()


def test_a_persons_own_script_sorts_the_mail(lab: Lab, people: People) -> None:
    person = people["sorter"]
    client = lab.internet.sieve(lab.proxy.public_address, f"sieve.{lab.inventory.domain}")
    client.login(person.uid, person.password)
    script = 'require ["fileinto", "mailbox"];\r\nif header :contains "Subject" "sort me" { fileinto :create "Sorted"; }\r\n'
    client.put("sort", script)
    client.activate("sort")
    client.logout()
    token, _ = lab.send(person.mail, headers=[("Subject", "please sort me")])
    lab.receive(person, token, "Sorted")
    assert lab.count(person, token) == 0
    assert "sort.sieve" in lab.run(lab.store_of(person).name, f"ls /mnt/home/{person.uid}/.sieve").split()


def test_full_addresses_log_in_as_well(lab: Lab, people: People) -> None:
    person = people["bela"]
    client = lab.internet.imap(lab.proxy.public_address, f"imap.{lab.inventory.domain}")
    assert client.login(person.mail, person.password)[0] == "OK"
    client.logout()


@pytest.mark.parametrize("protocol", ["imap", "pop3", "sieve"])
def test_who_may_not_log_in_is_refused(lab: Lab, people: People, protocol: str) -> None:
    """Bad passwords and closed accounts, each from an address of its own: Dovecot slows down the one that failed before (auth penalty)."""
    attempts = {
        "wrong password": (people["alma"].uid, "wrong"),
        "wrong password, other mailstore": (people["bela"].uid, people["alma"].password),
        "empty password": (people["alma"].uid, ""),  # RFC 4513, 5.1.2: slapd takes it for an anonymous bind, which succeeds
        "nobody": ("nobody" + people.run, "wrong"),
        "noaccess": (people["noaccess"].uid, people["noaccess"].password),
        "disabled": (people["disabled"].uid, people["disabled"].password),
        "deleted": (people["deleted"].uid, people["deleted"].password),
        "a star is no wildcard": ("alm*" + people.run, people["alma"].password),
        "a filter is no name": (f"*)(uid={people['alma'].uid}", people["alma"].password),
    }
    sources = [lab.stranger() for _ in attempts]
    with ThreadPoolExecutor(len(attempts)) as pool:
        refused = pool.map(lambda origin, attempt: refuses(lab, origin, protocol, *attempt), sources, attempts.values())
        results = dict(zip(attempts, refused, strict=True))
    assert all(results.values()), {name: text for name, text in results.items() if not text}
    assert len({results[name] for name in ("wrong password", "nobody")}) == 1, "a refusal must not tell whether the account exists"


def refuses(lab: Lab, origin: Origin, protocol: str, user: str, password: str) -> str:
    """Return the refusal's text, empty when the login was accepted."""
    address, domain = lab.proxy.public_address, lab.inventory.domain
    try:
        if protocol == "imap":
            origin.imap(address, f"imap.{domain}").login(user, password)
        elif protocol == "pop3":
            client = origin.pop3(address, f"pop.{domain}")
            client.user(user)
            client.pass_(password)
        else:
            origin.sieve(address, f"sieve.{domain}").login(user, password)
    except (imaplib.IMAP4.error, poplib.error_proto, SieveError) as refusal:
        text = str(refusal)
        assert "internal error" not in text.lower(), text
        assert "temporar" not in text.lower(), text
        return text
    return ""


def test_the_mailstores_log_shows_where_people_really_come_from(lab: Lab, people: People) -> None:
    person = people["alma"]
    origin = lab.stranger()
    with lab.imap(person, origin=origin):
        pass
    command = f"journalctl -q -o cat -t dovecot --since -2min | grep 'Logged in: user=<{person.uid}>' | grep -c 'rip={origin.source},'"
    assert post.wait_for(lambda: int(lab.run(lab.store_of(person).name, command, check=False) or 0), 10)


def test_people_cannot_go_round_the_proxy(lab: Lab) -> None:
    """From outside no mailstore answers; from inside only the proxy may (the firewall's table)."""
    places = [(store.address, port) for store in lab.stores for port in (25, 143, 993, 110, 995, 4190, 2525)]
    assert lab.internet.open_ports(places) == set()
