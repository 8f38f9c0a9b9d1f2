"""Ask the resolver."""

from __future__ import annotations

import contextlib
import ipaddress
import time
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: addresses, none when the name does not exist; or a fault. milliseconds: how long it took."""

    addresses: list[str] = field(default_factory=list)
    fault: str = ""
    milliseconds: int = 0


class Resolver:
    """A resolver, asked from one address of this machine."""

    def __init__(self, server: str, source: str, patience: float, port: int = 53) -> None:
        """patience: seconds for one question."""
        self.server, self.source, self.patience, self.port = server, source, patience, port

    def answers(self) -> bool:
        """Tell whether there is a resolver at all, whatever it says of the rest of the world."""
        question = dns.message.make_query("version.bind", dns.rdatatype.TXT, dns.rdataclass.CHAOS)
        with contextlib.suppress(OSError, dns.exception.DNSException):
            dns.query.udp(question, self.server, timeout=min(self.patience, 2.0), source=self.source, port=self.port)
            return True
        return False

    def addresses(self, name: str) -> Answer:
        """Ask for the IPv4 addresses of a name."""
        question = dns.message.make_query(name, dns.rdatatype.A)
        began = time.monotonic()
        try:
            reply, _ = dns.query.udp_with_fallback(question, self.server, timeout=self.patience, source=self.source, port=self.port)
        except dns.exception.Timeout:
            return Answer(fault=f"no answer within {self.patience:g} s", milliseconds=_since(began))
        except (OSError, dns.exception.DNSException) as fault:
            return Answer(fault=f"{type(fault).__name__}: {fault}", milliseconds=_since(began))
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return Answer(fault=f"answered {dns.rcode.to_text(reply.rcode())}", milliseconds=_since(began))
        found = [item.to_text() for record in reply.answer if record.rdtype == dns.rdatatype.A for item in record]
        return Answer(found, milliseconds=_since(began))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def list_name(address: str, zone: str) -> str:
    """The name under which a list knows an address (RFC 5782 section 2): 2.0.0.127.ZONE, or nibbles for IPv6."""
    reverse = ipaddress.ip_address(address).reverse_pointer
    return f"{reverse.removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{zone}"
