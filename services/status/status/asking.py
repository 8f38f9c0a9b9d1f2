"""Ask DNS as the world does: through a resolver that walks down from the root and validates."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.txtbase
import dns.resolver

_FAULTS = (OSError, EOFError, dns.exception.DNSException)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. values: as _plain writes them. secure: a validating resolver vouches for it. expires: of its signature, or 0."""

    values: frozenset[str] = frozenset()
    fault: str = ""
    secure: bool = False
    expires: float = 0.0


class Resolver:
    """A resolver, and how patient one is with it."""

    def __init__(self, servers: Sequence[str], patience: float) -> None:
        """servers: addresses; those of this machine's own /etc/resolv.conf when there are none. patience: seconds for one question."""
        self.servers = [str(one) for one in servers] or _own()
        self.patience = patience

    def ask(self, name: str, kind: str, *, unchecked: bool = False) -> Answer:
        """Ask for all records of a name and a type. unchecked: take also what does not validate."""
        question = dns.message.make_query(dns.name.from_text(name), kind, want_dnssec=True)
        question.flags |= dns.flags.AD | (dns.flags.CD if unchecked else 0)
        fault = "there is no resolver"
        for server in self.servers:
            try:
                reply, _ = dns.query.udp_with_fallback(question, server, timeout=self.patience / len(self.servers))
            except dns.exception.Timeout:
                fault = f"the resolver {server} does not answer"
            except _FAULTS as error:
                fault = f"the resolver {server}: {error}"
            else:
                return _read(reply, kind)
        return Answer(fault=fault)

    def ask_all(self, questions: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Ask many questions side by side."""
        questions = list(dict.fromkeys(questions))
        with ThreadPoolExecutor(max_workers=16) as pool:
            return dict(zip(questions, pool.map(lambda one: self.ask(*one), questions), strict=True))


def serial(server: str, zone: str, patience: float) -> tuple[int | None, str]:
    """Ask a name server itself for a zone: its serial number when it answers with authority, else nothing and why."""
    question = dns.message.make_query(zone, dns.rdatatype.SOA)
    question.flags &= ~dns.flags.RD
    try:
        reply, _ = dns.query.udp_with_fallback(question, server, timeout=patience)
    except dns.exception.Timeout:
        return None, "does not answer"
    except _FAULTS as error:
        return None, f"cannot be asked: {error}"
    found = [record.serial for answer in reply.answer for record in answer if record.rdtype == dns.rdatatype.SOA]
    if not found or not reply.flags & dns.flags.AA:
        return None, f"does not know the zone ({dns.rcode.to_text(reply.rcode())})"
    return found[0], ""


def expected(zones: Iterable[Mapping[str, object]]) -> dict[tuple[str, str], frozenset[str]]:
    """What zones promise, by name and type. zones: name and records (name, type, value), as the name servers get them.

    Names of a delegation belong to the zone below it, so its NS and DS records are left out here.
    """
    sets: dict[tuple[str, str], set[str]] = {}
    for zone in zones:
        origin = dns.name.from_text(str(zone["name"]))
        records = zone["records"]
        assert isinstance(records, list)
        for record in records:
            kind = str(record["type"])
            name = dns.name.from_text(str(record["name"]), origin) if record["name"] != "@" else origin
            if kind == "DS" or (kind == "NS" and name != origin):
                continue
            value = str(record["value"])
            text = _text(value.encode()) if kind == "TXT" else plain(dns.rdata.from_text("IN", kind, value, origin, relativize=False))
            sets.setdefault((name.to_text(), kind), set()).add(text)
    return {key: frozenset(values) for key, values in sets.items()}


def plain(record: dns.rdata.Rdata) -> str:
    """Write a record so that equal ones look equal: strings of TXT joined, as those do who read policies; names in small letters."""
    if isinstance(record, dns.rdtypes.txtbase.TXTBase):
        return _text(b"".join(record.strings))
    return record.to_text().lower()


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def _read(reply: dns.message.Message, kind: str) -> Answer:
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Answer(fault=dns.rcode.to_text(reply.rcode()))
    wanted = dns.rdatatype.from_text(kind)
    records = [record for answer in reply.answer for record in answer]
    values = frozenset(plain(record) for record in records if record.rdtype == wanted)
    ends = [record.expiration for record in records if record.rdtype == dns.rdatatype.RRSIG]
    return Answer(values, secure=bool(reply.flags & dns.flags.AD), expires=float(min(ends, default=0)))


def _own() -> list[str]:
    with contextlib.suppress(*_FAULTS):
        return [str(one) for one in dns.resolver.Resolver().nameservers]
    return ["127.0.0.1"]


def days_left(answer: Answer, now: float | None = None) -> float:
    """Days for which the signature of an answer is still good."""
    return (answer.expires - (time.time() if now is None else now)) / 86400
