"""The running lab as the tests see it, and the fixtures that tests/cluster, tests/faults and tests/journals share."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from email.message import EmailMessage
from functools import cached_property, partial
from pathlib import Path

import pytest

from frontdoor import paths, post
from frontdoor.landscape import Landscape, Machine
from frontdoor.mailclient import Imap, Origin, Smtp
from tests.people import People, Person

DELIVERY = 60.0  # seconds: what a letter may take before a test calls it lost
SENDER = "writer@elsewhere.test"
FIRST_UNKNOWN, FIRST_KNOWN = 70, 205  # last numbers of addresses on the internet
FORGET = "systemctl stop postfix@outside; rm -f /var/lib/postfix-outside/postscreen_cache.*; systemctl start postfix@outside"


class Lab:
    """The machines of the inventory, by ssh and by the ports that people use."""

    def __init__(self, inventory: Landscape, ssh_config: Path) -> None:
        """ssh_config: as the front door writes it; every machine of the inventory is a host of it."""
        self.inventory = inventory
        self.ssh_config = ssh_config
        self.ca = inventory.folder / "pki" / "ca.pem"
        self.expected: list[tuple[Person, str]] = []
        self._sources = itertools.count(FIRST_KNOWN)
        self._origins: dict[tuple[str, str | None], Origin] = {}
        self._lock = threading.Lock()

    # Machines

    def run(self, machine: str, command: str, stdin: str = "", check: bool = True, timeout: float = 60) -> str:
        """Run a shell's line on a machine as root and return what it printed."""
        done = subprocess.run(
            ["ssh", "-F", str(self.ssh_config), machine, command], input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{machine}: {command}: status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def origin(self, machine: str, source: str | None = None) -> Origin:
        """Return the place on a machine where connections start."""
        with self._lock:
            return self._origins.setdefault((machine, source), Origin(machine, self.ssh_config, self.ca, source))

    @cached_property
    def outside(self) -> Machine:
        """The machine that plays the internet."""
        return self.inventory.machines("world")[0]

    @property
    def internet(self) -> Origin:
        """Connections from the internet, from the one address that everybody uses."""
        return self.origin(self.outside.name)

    def stranger(self, last: int = 0) -> Origin:
        """Connections from another address on the internet than everybody's; one of a few, unless its last number is given."""
        with self._lock:
            last = last or next(self._sources)
        address = f"{self.outside.public_address.rpartition('.')[0]}.{last}"
        device = f"$(ip -o -4 addr show to {self.outside.public_address} | cut -d' ' -f2)"
        self.run(self.outside.name, f"ip addr replace {address}/24 dev {device}")
        return self.origin(self.outside.name, address)

    def unknown(self) -> Origin:
        """Connections from an address that the exchanger has never seen: it remembers who once waited politely, for days."""
        noted = paths.STATE / "strangers"
        with self._lock:
            last = int(noted.read_text()) + 1 if noted.exists() else FIRST_UNKNOWN
            if last >= FIRST_KNOWN:
                self.run(self.exchanger.name, FORGET)
                last = FIRST_UNKNOWN
            noted.write_text(str(last))
        return self.stranger(last)

    @property
    def exchanger(self) -> Machine:
        """The machine that takes mail from the internet."""
        return self.inventory.machines("exchanger")[0]

    @property
    def proxy(self) -> Machine:
        """The machine where people log in."""
        return self.inventory.machines("proxy")[0]

    @property
    def stores(self) -> list[Machine]:
        """The mailstores."""
        return self.inventory.machines("mailstore")

    def store_of(self, person: Person) -> Machine:
        """Return the mailstore where a person lives."""
        return next(store for store in self.stores if store.fqdn == person.attributes["mailHost"])

    # Mail

    def smtp(self, origin: Origin | None = None, host: str = "", port: int = 25, helo: str = "client.elsewhere.test") -> Smtp:
        """Connect to the exchanger, as the internet does unless told otherwise."""
        return (origin or self.internet).smtp(host or self.exchanger.public_address, port, helo)

    def send(
        self,
        to: str | Sequence[str],
        sender: str = SENDER,
        *,
        origin: Origin | None = None,
        host: str = "",
        port: int = 25,
        helo: str = "client.elsewhere.test",
        token: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: str = "",
    ) -> tuple[str, post.Outcome]:
        """Send one letter; return its token and how the server took it (for the last recipient)."""
        token = token or post.new_token()
        recipients = [to] if isinstance(to, str) else list(to)
        message = post.letter(token, sender or "mailer-daemon@elsewhere.test", ", ".join(recipients), body=body, headers=headers)
        outcomes = post.hand_over(lambda: self.smtp(origin, host, port, helo), sender, recipients, message)
        return token, outcomes[recipients[-1]]

    def imap(self, person: Person, *, port: int = 993, origin: Origin | None = None) -> Imap:
        """Log in by IMAP through the proxy."""
        client = (origin or self.internet).imap(self.proxy.public_address, f"imap.{self.inventory.domain}", port)
        client.login(person.uid, person.password)
        return client

    def count(self, person: Person, token: str, mailbox: str = "INBOX") -> int:
        """Return how often a letter lies in a person's mailbox now."""
        with self.imap(person) as client:
            return len(post.find(client, token, mailbox))

    def receive(self, person: Person, token: str, mailbox: str = "INBOX", seconds: float = DELIVERY) -> EmailMessage:
        """Wait until a letter arrived and return it; it must be there once, now and when the run ends."""
        self.expected.append((person, token)) if mailbox == "INBOX" else None
        with self.imap(person) as client:
            found = post.wait_for(lambda: post.find(client, token, mailbox), seconds)
        assert found, f"{token} did not reach {person.uid} within {seconds:.0f} s"
        assert len(found) == 1, f"{token} reached {person.uid} {len(found)} times"
        return found[0]

    def doubles(self, person: Person) -> list[str]:
        """Return the tokens of letters that a person expected and has more than once."""
        tokens = sorted({token for expecting, token in self.expected if expecting == person})
        if not tokens:
            return []
        with self.imap(person) as client:
            return [token for token in tokens if len(post.find(client, token)) > 1]

    # The directory

    @cached_property
    def provider(self) -> str:
        """The machine whose directory takes writes."""
        return self.inventory.machines("directory_provider")[0].name

    def ldapmodify(self, ldif: str, add: bool = False) -> None:
        """Change the directory as its machine's root."""
        self.run(self.provider, f"ldapmodify {'-a' if add else ''} -Q -Y EXTERNAL -H ldapi:///", ldif)

    def ldapsearch(self, query: str, *attributes: str) -> list[dict[str, list[str]]]:
        """Search the whole directory as its machine's root."""
        suffix = self.inventory.values["cluster_ldap_suffix"]
        command = f"ldapsearch -Q -Y EXTERNAL -H ldapi:/// -LLL -o ldif-wrap=no -b {suffix} {shlex.quote(query)} {' '.join(attributes)}"
        entries: list[dict[str, list[str]]] = []
        for block in self.run(self.provider, command).strip().split("\n\n"):
            entry: dict[str, list[str]] = {}
            for name, _, value in (line.partition(": ") for line in block.splitlines()):
                entry.setdefault(name, []).append(value)
            entries.extend([entry] if entry else [])
        return entries

    @contextlib.contextmanager
    def changed(self, person: Person, attribute: str, value: str) -> Iterator[None]:
        """Give somebody one more value, known to every directory server, and take it away again."""
        name = f"uid={person.uid},ou=People,{self.inventory.values['cluster_ldap_suffix']}"
        change = f"dn: {name}\nchangetype: modify\n{{}}: {attribute}\n{attribute}: {value}\n"
        question = f"ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b {name} '({attribute}={value})' dn"
        self.ldapmodify(change.format("add"))
        try:
            for server in self.inventory.machines("directory"):
                assert post.wait_for(partial(self.run, server.name, question, check=False), 30), f"{server.name} lags behind"
            yield
        finally:
            self.ldapmodify(change.format("delete"))

    @contextlib.contextmanager
    def alias(self, address: str, members: str) -> Iterator[str]:
        """Have an alias that the exchanger knows, and take it away again. ``members``: lines of LDIF that name them."""
        local, _, domain = address.partition("@")
        name = f"cn={local},ou=Aliases,{self.inventory.values['cluster_ldap_suffix']}"
        self.ldapmodify(
            f"dn: {name}\nobjectClass: applicationProcess\nobjectClass: qmailUser\nobjectClass: qmailGroup\ncn: {local}\n"
            f"mail: {address}\nmailAlternateAddress: {local}-catchall@{domain}\nmailMessageStore: /nowhere\n{members}\n",
            add=True,
        )
        try:
            assert post.wait_for(lambda: self.knows(address), DELIVERY), f"the exchanger does not hear of {address}"
            yield address
        finally:
            self.run(self.provider, f"ldapdelete -Q -Y EXTERNAL -H ldapi:/// {name}", check=False)

    def enrol(self, people: Mapping[str, Person]) -> None:
        """Bring people into the directory and wait until the exchanger knows the last of them."""
        suffix = self.inventory.values["cluster_ldap_suffix"]
        self.accept_losses()
        self.ldapmodify("".join(person.ldif(suffix) for person in people.values()), add=True)
        last = [person for person in people.values() if person.attributes.get("accountStatus", "active") == "active"][-1]
        assert post.wait_for(lambda: self.knows(last.mail), DELIVERY), f"the exchanger does not hear of {last.mail}"

    def accept_losses(self) -> None:
        """Tell every front door that it is right when many leave at once: in so small a lab ten people are a crowd."""
        for machine in self.inventory.machines("exchanger") + self.inventory.machines("submission"):
            self.run(machine.name, "recipients refresh --accept-loss", check=False)

    def knows(self, address: str) -> bool:
        """Tell whether the exchanger accepts an address; no letter is sent."""
        with self.smtp() as client:
            client.ehlo()
            client.mail(SENDER)
            return client.rcpt(address)[0] == 250

    def dismiss(self, people: Mapping[str, Person]) -> None:
        """Remove people and their homes."""
        suffix = self.inventory.values["cluster_ldap_suffix"]
        names = "\n".join(f"uid={person.uid},ou=People,{suffix}" for person in people.values())
        self.run(self.provider, "ldapdelete -c -Q -Y EXTERNAL -H ldapi:///", names, check=False)
        self.accept_losses()
        for store in self.stores:
            homes = " ".join(f"/mnt/home/{person.uid}" for person in people.values())
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run(store.name, f"rm -rf {homes}", check=False)

    def close(self) -> None:
        """End every carrier of connections."""
        for origin in self._origins.values():
            origin.close()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab that `./lab up` left running."""
    if not paths.SSH_CONFIG.exists():
        pytest.exit("The lab is not up: ./lab up", 2)
    inventory = Landscape(Path(os.environ.get("POSTHOUSE_INVENTORY", paths.INVENTORY)))
    laboratory = Lab(inventory, paths.SSH_CONFIG)
    yield laboratory
    laboratory.close()


@pytest.fixture(scope="session")
def people(lab: Lab) -> Iterator[People]:
    """Everybody of tests/people.py, in the directory; at the end no letter may have come twice."""
    everybody = People(lab.inventory.domain, [store.fqdn for store in lab.stores])
    lab.enrol(everybody)
    yield everybody
    twice = [f"{person.uid}: {token}" for person in everybody.values() for token in lab.doubles(person)]
    lab.dismiss(everybody)
    assert not twice, f"letters that came more than once: {twice}"
