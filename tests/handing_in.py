"""The machine where people hand mail in, as their mail programs see it."""

from __future__ import annotations

import contextlib
import email
import email.policy
import shlex
import ssl
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from frontdoor import post
from frontdoor.mailclient import Origin, Smtp
from tests.attacks import plain
from tests.laboratory import DELIVERY, Lab
from tests.people import People, Person

WORLD = "/var/mail/elsewhere/Maildir/new"
PROGRAM = "pc17.dormitory.example"


class Door:
    """One submission machine, seen from the internet unless an origin is given."""

    def __init__(self, lab: Lab) -> None:
        """Find it, and the name that people know."""
        self.lab = lab
        self.machine = lab.inventory.machines("submission")[0]
        self.name = f"smtp.{lab.inventory.domain}"

    def open(self, port: int, origin: Origin | None = None, secure: bool = True) -> Smtp:
        """Connect; under TLS unless told otherwise."""
        start = origin or self.lab.internet
        host = self.machine.public_address if origin is None or origin == self.lab.internet else self.machine.address
        client = Wrapped(start, host, self.name, PROGRAM) if port == 465 else start.smtp(host, port, PROGRAM)
        if port == 587 and secure:
            client.secure(self.name)
        client.ehlo_or_helo_if_needed()
        return client

    def enter(self, person: Person, port: int = 587, name: str = "") -> Smtp:
        """Log in as a person; name: what they type instead of their uid."""
        client = self.open(port)
        client.login(name or person.uid, person.password)
        return client

    def prove(self, user: str, password: str, act_as: str = "") -> tuple[int, str]:
        """Try to log in at 587; return the answer. act_as: who somebody wants to be with another's password (RFC 4616)."""
        with self.open(587) as client:
            code, text = client.docmd(f"AUTH PLAIN {plain(user, password, act_as)}")
            return code, text.decode()

    def writes(self, client: Smtp, sender: str, to: str = "out@elsewhere.test") -> str:
        """Say MAIL and RCPT; return code and text of the answer that decides, and forget it."""
        code, text = client.mail(sender)
        if code == 250:
            code, text = client.rcpt(to)
        client.rset()
        return f"{code} {text.decode()}"

    def owners(self, address: str) -> str:
        """Who may write as an address, as the machine knows it."""
        lines = self.lab.run(self.machine.name, f"recipients check {shlex.quote(address)} || true").splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("senders:")), "")

    def knows(self, address: str, owners: str) -> bool:
        """Wait until it is known who may write as an address."""
        return post.wait_for(lambda: self.owners(address) == owners, DELIVERY)

    def world_got(self, token: str) -> EmailMessage:
        """Wait for a letter on the internet and return it."""
        find = f"cat $(grep -rl {token} {WORLD}) </dev/null"
        found = post.wait_for(lambda: self.lab.run(self.lab.outside.name, find, check=False), DELIVERY)
        assert found, f"{token} did not reach the world"
        return email.message_from_string(found, policy=email.policy.default)


class Wrapped(Smtp):
    """SMTP under TLS from the first byte (RFC 8314)."""

    def __init__(self, origin: Origin, host: str, name: str, helo: str) -> None:
        """Connect; the certificate must be name's."""
        self._tls_name = name
        super().__init__(origin, host, 465, helo, 30)

    def _get_socket(self, host: str, port: int, timeout: float) -> ssl.SSLSocket:
        return self.origin.tls().wrap_socket(super()._get_socket(host, port, timeout), server_hostname=self._tls_name)


@pytest.fixture(scope="module")
def door(lab: Lab, people: People) -> Door:
    """The machine, which knows everybody who is there."""
    found = Door(lab)
    assert found.knows(people["alma"].mail, people["alma"].uid)
    return found


@contextlib.contextmanager
def campus_address(lab: Lab, last: int) -> Iterator[Origin]:
    """Stand on the campus with an address of one's own."""
    machine = lab.stores[0]
    address = f"{machine.address.rpartition('.')[0]}.{last}"
    device = f"$(ip -o -4 addr show to {machine.address} | cut -d' ' -f2)"
    lab.run(machine.name, f"ip addr replace {address}/24 dev {device}")
    try:
        yield lab.origin(machine.name, address)
    finally:
        lab.run(machine.name, f"ip addr del {address}/24 dev {device}")
