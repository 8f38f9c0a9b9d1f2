"""Every TLS port of the cluster as a scanner sees it. A small server on the control node carries the scanner's connections to a machine of
the lab that may reach the port, and says what a protocol says before its TLS; so the scanner needs to know none."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import subprocess
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import yaml

from frontdoor import paths
from frontdoor.mailclient import Origin
from tests.doors import PROTOCOLS
from tests.laboratory import Lab

#: How TLS begins: with the first byte, after the words of a protocol, or never. Whoever is "named" has to show a certificate that the port
#: knows, so a scanner learns nothing of it (tests of roles backup and site_state).
BEGINS = {
    25: "smtp", 465: "at once", 587: "smtp", 2525: "smtp", 2526: "smtp", 10024: "smtp", 10026: "smtp", 10027: "smtp",
    143: "imap", 993: "at once", 110: "pop3", 995: "at once", 4190: "sieve", 389: "ldap", 636: "at once", 3306: "mysql",
    443: "at once", 2528: "named", 2529: "at once", 53: "never", 2530: "named",
}  # fmt: skip
#: Open only where a filter stands elsewhere.
SOMETIMES = {10024, 10026, 10027}

# An ExtendedRequest for StartTLS (RFC 4511, 4.14.1), and the SSLRequest of MariaDB's protocol.
LDAP_STARTTLS = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
MYSQL_SSL_REQUEST = bytes.fromhex("20000001") + (0x8A00).to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x21" + bytes(23)


@dataclass(frozen=True)
class Port:
    """A port of a machine, and the origin that reaches it."""

    machine: str
    fqdn: str
    host: str
    number: int
    noun: str
    origin: Origin

    def __str__(self) -> str:
        """As a failed test names it."""
        return f"{self.machine}:{self.number} from {self.origin.machine}"

    def connect(self) -> socket.socket:
        """Return a connection on which TLS comes next."""
        carried = self.origin.connect(self.host, self.number, 20)
        begins = BEGINS[self.number]
        if begins == "ldap":
            carried.sendall(LDAP_STARTTLS)
            carried.recv(4096)
        elif begins == "mysql":
            carried.recv(4096)
            carried.sendall(MYSQL_SSL_REQUEST)
        elif begins in PROTOCOLS:
            protocol = PROTOCOLS[begins]
            _hear(carried, protocol.greeting)
            for words in (protocol.hello, f"{protocol.starttls}\r\n"):
                carried.sendall(words.encode())
                _hear(carried, protocol.answer)
        return carried


def _hear(carried: socket.socket, last: str) -> None:
    line = b""
    while byte := carried.recv(1):
        line += byte
        if byte == b"\n":
            if re.match(last, line.decode("latin-1")):
                return
            line = b""


@dataclass
class Finding:
    """What a port agrees to. versions: of SSL and TLS. suites: version and name. renegotiates: when the client wants it."""

    port: Port
    versions: set[str] = field(default_factory=set)
    suites: set[tuple[str, str]] = field(default_factory=set)
    compresses: bool = False
    renegotiates: bool = False


class _Carrier(socketserver.BaseRequestHandler):
    """Brings one connection of the scanner to the port."""

    def handle(self) -> None:
        """Carry both ways until one side ends."""
        port: Port = self.server.port  # type: ignore[attr-defined]
        with contextlib.suppress(OSError), port.connect() as there:
            there.settimeout(None)
            back = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            back.start()
            _pump(self.request, there)
            back.join(10)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def carried(port: Port) -> Iterator[str]:
    """Give the port an address on the control node, where TLS begins with the first byte."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Carrier) as server:
        server.daemon_threads = True
        server.port = port  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def scan(port: Port) -> Finding:
    """Ask for everything that ever was."""
    found = Finding(port)
    options = ["--no-colour", "--no-check-certificate", "--no-groups", "--no-heartbleed", "--no-fallback", "--timeout=20", "--xml=-"]
    with carried(port) as address:
        done = subprocess.run(
            ["sslscan", *options, f"--sni-name={port.fqdn}", address], capture_output=True, text=True, timeout=120, check=True
        )
        # s_client's "R" begins another handshake. With -state it says what it reads: the end of one handshake, or of two.
        asked = ["openssl", "s_client", "-connect", address, "-tls1_2", "-servername", port.fqdn, "-state"]
        again = subprocess.run(asked, input="R\n", capture_output=True, text=True, timeout=30, check=False)
    handshakes = again.stderr.count("read finished")
    assert handshakes, f"{port}: openssl s_client did not come to an end of its handshake"
    found.renegotiates = handshakes > 1
    tree = ET.fromstring(done.stdout[done.stdout.index("<document") :])  # noqa: S314, because sslscan wrote it
    found.versions = {f"{one.get('type')}{one.get('version')}" for one in tree.iter("protocol") if one.get("enabled") == "1"}
    found.suites = {(one.get("sslversion", ""), one.get("cipher", "")) for one in tree.iter("cipher")}
    found.compresses = any(one.get("supported") == "1" for one in tree.iter("compression"))
    return found


def ports(lab: Lab) -> list[Port]:
    """Return every port of the firewall's table on which TLS is spoken, with the first origin that reaches it."""
    table = yaml.safe_load((paths.CHECKOUT / "playbooks/group_vars/all/firewall.yml").read_text(encoding="utf-8"))
    offers: dict[str, set[int]] = {}
    for noun, rules in table["cluster_firewall"].items():
        named = [table[rule.strip("{} ")] if isinstance(rule, str) else rule for rule in rules]
        offers[noun] = {number for rule in named for number in rule["ports"]}
    strange = {number for numbers in offers.values() for number in numbers} - BEGINS.keys()
    assert not strange, f"say in tests/tls_scanning.py how TLS begins at {strange}"
    wanted = [
        (noun, machine, number)
        for noun, numbers in offers.items()
        for machine in lab.inventory.machines(noun)
        for number in sorted(numbers)
        if BEGINS[number] not in ("never", "named")
    ]
    groups = ("exchanger", "mailstore", "proxy", "submission", "content_filter", "dns", "backup")
    names = [lab.outside.name, *dict.fromkeys(machine.name for group in groups for machine in lab.inventory.machines(group))]

    def reachable(name: str) -> set[tuple[str, int]]:
        world = name == lab.outside.name
        places = {(machine.public_address if world else machine.address, number) for _, machine, number in wanted if machine.name != name}
        return lab.origin(name).open_ports(sorted(places))

    with ThreadPoolExecutor(3) as pool:
        open_to = dict(zip(names, pool.map(reachable, names), strict=True))
    found = []
    for noun, machine, number in wanted:
        ways = [(name, host) for name in names for host in (machine.public_address, machine.address) if (host, number) in open_to[name]]
        assert ways or number in SOMETIMES, f"nobody reaches {machine.name}:{number}"
        found += [Port(machine.name, machine.fqdn, host, number, noun, lab.origin(name)) for name, host in ways[:1]]
    return found
