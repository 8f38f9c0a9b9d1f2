"""Whether the mail exchangers of a domain have keys in signed DNS (RFC 7672)."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TLSA import TLSA

#: Exchangers of one domain that are looked at, best first; Postfix tries no more by itself (smtp_mx_address_limit).
MOST_HOSTS = 10

Query = Callable[[dns.name.Name, str], Awaitable[dns.message.Message]]


class UnsureError(Exception):
    """DNS does not answer, or what it answers is not to be believed: nobody can say what the receiver promises."""


class Keys(enum.Enum):
    """What DNS says of one exchanger's keys."""

    USABLE = "keys in signed DNS"
    NONE = "no keys in DNS"
    UNSIGNED = "DNS is not signed"


@dataclass(frozen=True)
class Finding:
    """What DNS says of a domain. `hosts`: its exchangers, best first."""

    hosts: dict[str, Keys] = field(default_factory=dict)

    @property
    def promised(self) -> bool:
        """Whether DANE rules: at least one exchanger has keys."""
        return Keys.USABLE in self.hosts.values()


def resolver(address: str, port: int, patience: float) -> Query:
    """Return a way to ask a resolver that validates."""

    async def query(name: dns.name.Name, kind: str) -> dns.message.Message:
        question = dns.message.make_query(name, kind, use_edns=0, payload=1232)
        # Asked with AD, a resolver says in AD whether it has validated the answer (RFC 6840 section 5.7).
        question.flags |= dns.flags.AD
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(question, address, timeout=patience, port=port)
        except (dns.exception.DNSException, OSError) as error:
            raise UnsureError(f"{name} {kind}: {type(error).__name__}") from error
        return answer

    return query


async def _ask(query: Query, name: dns.name.Name, kind: str) -> tuple[dns.message.Message, bool]:
    """Ask; return the answer, and whether it is signed. Raises UnsureError when there is none."""
    answer = await query(name, kind)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise UnsureError(f"{name} {kind}: {dns.rcode.to_text(answer.rcode())}")
    return answer, bool(answer.flags & dns.flags.AD)


async def look(query: Query, domain: str) -> Finding:
    """Find out whether the exchangers of a domain have keys in signed DNS. Raises UnsureError when DNS does not say."""
    try:
        name = dns.name.from_text(domain)
    except (dns.exception.DNSException, ValueError):
        return Finding()
    answer, signed = await _ask(query, name, "MX")
    records = [(rdata.preference, rdata.exchange) for rrset in answer.answer for rdata in rrset if isinstance(rdata, MX)]
    # RFC 5321 section 5.1: without MX the domain itself. "." takes no mail (RFC 7505).
    hosts = [host for _, host in sorted(records, key=lambda one: one[0])] or [name]
    hosts = [host for host in hosts if host != dns.name.root][:MOST_HOSTS]
    if not signed:
        return Finding({host.to_text(omit_final_dot=True): Keys.UNSIGNED for host in hosts})
    return Finding({host.to_text(omit_final_dot=True): await _keys(query, host) for host in hosts})


async def _keys(query: Query, host: dns.name.Name) -> Keys:
    """What DNS says of one exchanger. A host whose address is not signed is not asked for keys: such servers often fail to answer."""
    signed = False
    names = [host]
    for kind in ("A", "AAAA"):
        answer, signed = await _ask(query, host, kind)
        if any(rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) for rrset in answer.answer):
            names = list(dict.fromkeys([_end(answer, host), host]))
            break
    if not signed:
        return Keys.UNSIGNED
    for name in names:
        answer, signed = await _ask(query, dns.name.from_text("_25._tcp", None) + name, "TLSA")
        if signed and any(_usable(rdata) for rrset in answer.answer for rdata in rrset if isinstance(rdata, TLSA)):
            return Keys.USABLE
    return Keys.NONE


def _end(answer: dns.message.Message, host: dns.name.Name) -> dns.name.Name:
    """Where a chain of CNAME ends; keys are looked for there first (RFC 7672 section 2.2.2)."""
    try:
        return answer.canonical_name() if isinstance(answer, dns.message.QueryMessage) else host
    except dns.exception.DNSException:
        return host


def _usable(record: TLSA) -> bool:
    """Whether mail can use a key: DANE-TA or DANE-EE, and digests that Postfix knows (RFC 7672 section 3.1)."""
    return record.usage in (2, 3) and record.selector in (0, 1) and record.mtype in (0, 1, 2)
