"""Whether the world sees in DNS what the inventory promises, and believes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .asking import Answer, Resolver, days_left, expected, serial
from .findings import Finding, Level, Limits, listed

#: Days that signatures are still good. BIND makes new ones five days before the old ones end.
SIGNATURE_DAYS = Limits(3, 1)
_SITE = "ansible-playbook playbooks/site.yml --tags dns publishes what the inventory says"
_CACHES = "caches keep what was there before for as long as its TTL says (an hour, docs/dns.md)"
#: Kinds of records: how they are recognised, whose loss keeps mail away, and what to do about them.
_KINDS: tuple[tuple[str, str, str, Level, str], ...] = (
    ("MX", r"MX", r"", Level.CRITICAL, f"mail goes elsewhere or nowhere; {_SITE}; {_CACHES}"),
    ("addresses", r"A|AAAA", r"", Level.CRITICAL, f"{_SITE}; {_CACHES}"),
    ("names of addresses", r"PTR", r"", Level.WARNING, "who owns the network has to delegate its reverse zone to your name servers"),
    ("name servers", r"NS", r"", Level.CRITICAL, f"the registrar's list of name servers and yours have to be the same; {_SITE}"),
    ("SPF", r"TXT", r"^v=spf1\b", Level.CRITICAL, f"others refuse mail that they do not find allowed; {_SITE}"),
    ("DKIM", r"TXT", r"^v=DKIM1\b", Level.CRITICAL, f"signatures fail where the key is not found (docs/outgoing.md); {_SITE}"),
    ("DMARC", r"TXT", r"^v=DMARC1\b", Level.WARNING, f"{_SITE}; {_CACHES}"),
    ("DANE", r"TLSA", r"", Level.CRITICAL, f"who honours DANE sends no mail to a certificate that is not in DNS; {_SITE}"),
    ("services", r"SRV", r"", Level.WARNING, f"mail programs find their servers by it; {_SITE}"),
    ("other records", r".*", r"", Level.WARNING, f"{_SITE}; {_CACHES}"),
)


def look(
    zones: Sequence[Mapping[str, Any]], signed: Sequence[str], servers: Sequence[Mapping[str, str]], resolver: Resolver
) -> list[Finding]:
    """Compare everything that the zones of the world's view promise with what a resolver finds.

    zones: name and records. signed: names of those that are. servers: fqdn and public_address of each name server that the world asks.
    """
    promised = expected(zones)
    names = [str(zone["name"]) for zone in zones]
    answers = resolver.ask_all([*promised, *((f"{name}.", "SOA") for name in names)])
    found = compare(promised, answers)
    found += signatures(signed, {name: answers[f"{name}.", "SOA"] for name in signed}, resolver)
    return found + _serials(names, servers, resolver.patience)


def compare(promised: Mapping[tuple[str, str], frozenset[str]], answers: Mapping[tuple[str, str], Answer]) -> list[Finding]:
    """Say of each kind of records whether all of it is seen as promised."""
    found = []
    rest = dict(promised)
    for about, kinds, beginning, level, remedy in _KINDS:
        mine = {key: wanted for key, wanted in rest.items() if _is(key, wanted, kinds, beginning)}
        if not mine:
            continue
        rest = {key: wanted for key, wanted in rest.items() if key not in mine}
        wrong = [_difference(key, wanted, answers[key]) for key, wanted in mine.items() if answers[key].values != wanted]
        if wrong:
            found.append(Finding("dns", about, level, f"{about}: {listed(wrong, 3)}", remedy, {"wrong": len(wrong), "asked": len(mine)}))
        else:
            found.append(Finding("dns", about, Level.FINE, f"{about}: {len(mine)} as the inventory says", figures={"asked": len(mine)}))
    return found


def _is(key: tuple[str, str], values: Iterable[str], kinds: str, beginning: str) -> bool:
    return re.fullmatch(kinds, key[1]) is not None and any(re.search(beginning, value) for value in values)


def _difference(key: tuple[str, str], wanted: frozenset[str], answer: Answer) -> str:
    """Name what is wrong with one set of records."""
    place = f"{key[0].rstrip('.')} {key[1]}"
    if answer.fault:
        return f"{place} is not answered ({answer.fault})"
    lacking, surplus = sorted(wanted - answer.values), sorted(answer.values - wanted)
    words = [*(f"lacks {_short(one)}" for one in lacking[:2]), *(f"has {_short(one)} that is not ours" for one in surplus[:2])]
    return f"{place} {' and '.join(words)}"


def _short(value: str) -> str:
    return value if len(value) <= 60 else value[:57] + "..."


def signatures(names: Sequence[str], answers: Mapping[str, Answer], resolver: Resolver) -> list[Finding]:
    """Say whether the world can validate our zones, and for how long the signatures are still good."""
    if not names:
        return []
    secure = [name for name in names if answers[name].secure]
    found = []
    for name in names:
        one = answers[name]
        if one.fault and not resolver.ask(name, "SOA", unchecked=True).fault:
            says = f"{name} does not validate: whoever does sees nothing of it"
            remedy = "delv and dnsviz name the broken link; the DS record at the parent has to be that of a key in use (docs/dns.md)"
            found.append(Finding("dnssec", name, Level.CRITICAL, says, remedy))
        elif not one.fault and not one.secure and secure:
            says = f"{name} is signed, but nobody can know: there is no DS record at its parent"
            found.append(Finding("dnssec", name, Level.WARNING, says, "give the registrar the DS record of the zone (docs/dns.md)"))
        elif one.secure and SIGNATURE_DAYS.below(days_left(one)):
            says = f"signatures of {name} are good for {days_left(one):.1f} days more"
            remedy = "named should have made new ones: rndc dnssec -status ZONE and journalctl -u named -e on the first name server"
            found.append(Finding("dnssec", name, SIGNATURE_DAYS.below(days_left(one)), says, remedy))
    if not secure and not found:
        remedy = "ask from a place whose resolver validates (cluster_status_from), or give the registrar the DS records (docs/dns.md)"
        found.append(Finding("dnssec", "zones", Level.WARNING, "no zone is vouched for: there is no DS, or no validation here", remedy))
    if not found:
        least = min(days_left(answers[name]) for name in names)
        says = f"{len(names)} zones validate, their signatures are good for {least:.0f} days more"
        found.append(Finding("dnssec", "zones", Level.FINE, says, figures={"days": round(least, 1)}))
    return found


def _serials(names: Sequence[str], servers: Sequence[Mapping[str, str]], patience: float) -> list[Finding]:
    """Say whether every name server answers for every zone, and all of them the same."""
    found = []
    for name in names:
        seen: dict[str, int] = {}
        for server in servers:
            number, fault = serial(server["public_address"], name, patience / 2)
            if number is None:
                says = f"{server['fqdn']} {fault}: {name}"
                found.append(Finding("dns", "serials", Level.CRITICAL, says, f"systemctl status named on {server['fqdn']}"))
                if fault == "does not answer":
                    return found
            else:
                seen[server["fqdn"]] = number
        if len(set(seen.values())) > 1:
            says = f"name servers differ on {name}: {', '.join(f'{server} has {number}' for server, number in seen.items())}"
            remedy = "wait a minute; then rndc retransfer ZONE on who is behind, and look at its journal"
            found.append(Finding("dns", "serials", Level.WARNING, says, remedy))
    if not found and names and servers:
        says = f"{len(servers)} name servers answer for {len(names)} zones, all the same"
        found.append(Finding("dns", "serials", Level.FINE, says))
    return found
