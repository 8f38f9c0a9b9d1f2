"""Mail programs whose connections start on a machine of the lab while the code runs on the control node.

A connection is carried by that machine's ssh server (`ssh -W`), so its source address is the machine's and the lab needs
no mail program on it. ssh runs on one end of a socket pair; smtplib, imaplib and poplib speak on the other.
"""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from frontdoor.managesieve import ManageSieve

TIMEOUT = 30.0

# Runs on the machine when the source address must be another one than the machine's first: ssh -W cannot choose it.
RELAY = """
import socket, sys, threading
there = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20, (sys.argv[3], 0))
there.settimeout(None)
def up():
    while data := sys.stdin.buffer.raw.read(65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := there.recv(65536):
    sys.stdout.buffer.raw.write(data)
"""

KNOCK = """
import errno, select, socket, sys, time
end = time.monotonic() + float(sys.argv[1])
waiting = {}
for place in sys.argv[2:]:
    host, _, port = place.rpartition(":")
    attempt = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    attempt.setblocking(False)
    if attempt.connect_ex((host, int(port))) in (0, errno.EINPROGRESS):
        waiting[attempt] = place
while waiting and time.monotonic() < end:
    for attempt in select.select([], list(waiting), [], max(0, end - time.monotonic()))[1]:
        place = waiting.pop(attempt)
        if not attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            print(place)
        attempt.close()
"""


@dataclass
class Origin:
    """A machine from which connections start.

    machine: its name in ssh_config. ca: the certificate that must have signed what servers show.
    source: another address of the machine to start from.
    """

    machine: str
    ssh_config: Path
    ca: Path
    source: str | None = None
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    def connect(self, host: str, port: int, timeout: float | None = TIMEOUT) -> socket.socket:
        """Return a connected stream socket. When host refuses, the first read finds its end."""
        self._running[:] = [process for process in self._running if process.poll() is None]
        ours, theirs = socket.socketpair()
        command = ["ssh", "-F", str(self.ssh_config), "-o", "LogLevel=ERROR"]
        if self.source is None:
            command += ["-W", f"[{host}]:{port}", self.machine]  # in brackets, for it may be an address of IPv6
        else:
            command += [self.machine, f"exec python3 -c '{RELAY}' {host} {port} {self.source}"]
        with theirs:
            process = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL, start_new_session=True
            )
        self._running.append(process)
        ours.settimeout(timeout)
        return ours

    def open_ports(self, places: Sequence[tuple[str, int]], timeout: float = 2.0) -> set[tuple[str, int]]:
        """Return those addresses and ports to which a connection from this machine opens; one call for all of them."""
        wanted = " ".join(f"{host}:{port}" for host, port in places)
        command = ["ssh", "-F", str(self.ssh_config), self.machine, f"exec python3 -c '{KNOCK}' {timeout} {wanted}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=timeout + 60)
        pairs = (line.rpartition(":") for line in done.stdout.split())
        return {(host, int(port)) for host, _, port in pairs}

    def tls(self) -> ssl.SSLContext:
        """Return a context that trusts our authority alone and checks the server's name."""
        return ssl.create_default_context(cafile=str(self.ca))

    def smtp(self, host: str, port: int = 25, helo: str = "client.elsewhere.test", timeout: float = TIMEOUT, *, tls_name: str = "") -> Smtp:
        """Connect and read the greeting; EHLO is left to the caller. tls_name: whose certificate comes before it (port 465)."""
        return Smtp(self, host, port, helo, timeout, tls_name)

    def imap(self, host: str, name: str, port: int = 993) -> Imap:
        """Connect by IMAP with TLS from the first byte (993) or by STARTTLS (any other port)."""
        client = Imap(self, host, name, port)
        if port != 993:
            client.starttls(self.tls())
        return client

    def pop3(self, host: str, name: str, port: int = 995) -> Pop3:
        """Connect by POP3 with TLS from the first byte (995) or by STLS (any other port)."""
        client = Pop3(self, host, name, port)
        if port != 995:
            client.stls(self.tls())
        return client

    def sieve(self, host: str, name: str, port: int = 4190) -> ManageSieve:
        """Connect by ManageSieve with STARTTLS."""
        client = ManageSieve(self.connect(host, port), name)
        client.starttls(self.tls())
        return client

    def close(self) -> None:
        """Wait for the carriers whose connections are closed, and end the others."""
        for process in self._running:
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()
        self._running.clear()


class Smtp(smtplib.SMTP):
    """SMTP over a carried connection."""

    def __init__(self, origin: Origin, host: str, port: int, helo: str, timeout: float, tls_name: str = "") -> None:
        """Connect and read the greeting. tls_name: with TLS from the first byte, whose certificate is shown."""
        self.origin = origin
        self.tls_name = tls_name
        super().__init__(host, port, local_hostname=helo, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        carried = self.origin.connect(host, port, timeout)
        return self.origin.tls().wrap_socket(carried, server_hostname=self.tls_name) if self.tls_name else carried

    def patience(self, seconds: float) -> None:
        """Wait no longer than this for any further reply."""
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def secure(self, name: str) -> None:
        """STARTTLS, checking that the certificate is name's, and EHLO again."""
        self._host = name
        self.ehlo()
        self.starttls(context=self.origin.tls())
        self.ehlo()


class Imap(imaplib.IMAP4):
    """IMAP over a carried connection."""

    def __init__(self, origin: Origin, host: str, name: str, port: int) -> None:
        """Connect to host, whose certificate says name."""
        self.origin = origin
        self.reach = host
        super().__init__(name, port, TIMEOUT)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        carried = self.origin.connect(self.reach, self.port, timeout)
        return self.origin.tls().wrap_socket(carried, server_hostname=self.host) if self.port == 993 else carried


class Pop3(poplib.POP3):
    """POP3 over a carried connection."""

    def __init__(self, origin: Origin, host: str, name: str, port: int) -> None:
        """Connect to host, whose certificate says name."""
        self.origin = origin
        self.reach = host
        super().__init__(name, port, TIMEOUT)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        carried = self.origin.connect(self.reach, self.port, timeout)
        return self.origin.tls().wrap_socket(carried, server_hostname=self.host) if self.port == 995 else carried
