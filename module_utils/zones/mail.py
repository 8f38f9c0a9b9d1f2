"""What the world has to know of a site's mail: who sends it, who signs it, which keys its servers have, where programs find it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from module_utils.zones.names import Machine, Record, below, domain_zones, record, visible


def spf(addresses: Iterable[str], also: Iterable[str] = (), rest: str = "-all") -> str:
    """Write the policy of those who send for a domain (RFC 7208): addresses, which cost no lookup, then other terms."""
    terms = [f"ip{6 if ':' in address else 4}:{address}" for address in addresses]
    return " ".join(["v=spf1", *terms, *also, rest])


def dmarc(values: Mapping[str, Any], postmaster: str) -> str:
    """Write a policy for letters that fail SPF and DKIM (RFC 7489).

    values: policy, subdomain_policy, reports, failure_reports (mail addresses), alignment_dkim, alignment_spf; all of them optional.
    postmaster: who gets reports when nobody is named.
    """
    tags = ["v=DMARC1", f"p={values.get('policy', 'none')}"]
    if values.get("subdomain_policy"):
        tags.append(f"sp={values['subdomain_policy']}")
    reports = values.get("reports", [postmaster])
    tags += [f"{tag}={','.join('mailto:' + who for who in people)}" for tag, people in _dmarc_readers(values, reports)]
    tags += [f"{tag}=s" for tag, key in (("adkim", "alignment_dkim"), ("aspf", "alignment_spf")) if values.get(key) == "strict"]
    return "; ".join(tags)


def _dmarc_readers(values: Mapping[str, Any], reports: Sequence[str]) -> list[tuple[str, Sequence[str]]]:
    return [(tag, people) for tag, people in (("rua", reports), ("ruf", values.get("failure_reports", []))) if people]


def _dmarc_records(domains: Sequence[str], values: Mapping[str, Any], postmaster: str) -> list[Record]:
    """Policies, and the consent of our domains to read reports about our other ones (RFC 7489 section 7.1)."""
    found = [record(f"_dmarc.{domain}", "TXT", dmarc(values, postmaster)) for domain in domains]
    readers = {who.rpartition("@")[2] for _, people in _dmarc_readers(values, values.get("reports", [postmaster])) for who in people}
    for reader in sorted(readers):
        if any(below(reader, domain) for domain in domains):
            strangers = [domain for domain in domains if not below(reader, domain) and not below(domain, reader)]
            found += [record(f"{domain}._report._dmarc.{reader}", "TXT", "v=DMARC1") for domain in strangers]
    return found


def _tlsa_records(services: Iterable[Mapping[str, Any]], domain: str, keys: Mapping[str, Sequence[str]], public: bool) -> list[Record]:
    """Keys of servers: SPKI, SHA-256 (RFC 6698, RFC 7672 section 3.1), for each machine's own name and for those it serves under."""
    found: dict[tuple[str, str], Record] = {}
    for service in services:
        servers = visible(service["machines"], public)
        offers = service.get("offers", [])
        ports = sorted({*service.get("ports", []), *(offer["port"] for offer in offers)})
        told = [(server["fqdn"], ports, keys.get(server["name"], [])) for server in servers]
        # A key that is missing in a set would make its owner look like an impostor: the set is told whole or not at all.
        if all(own for _, _, own in told):
            shared = [key for _, _, own in told for key in own]
            for name in service["names"]:
                here = sorted(offer["port"] for offer in offers if _target(offer, service) == name)
                told.append((f"{name}.{domain}", here or ports, shared))
        for name, wanted, own in told:
            for port in wanted:
                for key in sorted(own):
                    made = record(f"_{port}._tcp.{name}", "TLSA", f"3 1 1 {key}")
                    found.setdefault((made["name"], key), made)
    return list(found.values())


def _target(offer: Mapping[str, Any], service: Mapping[str, Any]) -> str:
    """The name under which a service is found: the one it is known by, or the first where a site has other names."""
    return str(offer["name"] if offer["name"] in service["names"] else service["names"][0])


def _srv_records(services: Iterable[Mapping[str, Any]], domains: Iterable[str], public: bool) -> list[Record]:
    """Where mail programs find servers (RFC 6186), TLS from the first byte first (RFC 8314 section 5.1)."""
    found = []
    domains = list(domains)
    for service in services:
        if not service["names"] or not visible(service["machines"], public):
            continue
        for offer in service.get("offers", []):
            value = f"{offer['priority']} 1 {offer['port']} {_target(offer, service)}.{domains[0]}."
            found += [record(f"_{offer['service']}._tcp.{domain}", "SRV", value) for domain in domains]
    return found


def mail_records(
    machines: Iterable[Machine],
    domains: Sequence[str],
    postmaster: str,
    senders: Iterable[Machine] = (),
    services: Iterable[Mapping[str, Any]] = (),
    collapsed_domains: Iterable[str] = (),
    keys: Mapping[str, Sequence[str]] | None = None,
    dkim: Iterable[Record] = (),
    policies: Mapping[str, Any] | None = None,
    public: bool = False,
) -> list[Record]:
    """Make the records that mail needs beside MX and addresses, with full names.

    machines, senders: as cluster_members describes them. domains, collapsed_domains: names that take mail, the machines' own first.
    services: names (short), machines, ports (of TLS), offers (service, port, priority, name). keys: machine -> digests of its keys.
    dkim: records with full names. policies: spf (also, all) and dmarc. public: as for visible().
    """
    machines, senders, services, policies = list(machines), list(senders), list(services), policies or {}
    takes_mail = list(dict.fromkeys([*domains, *collapsed_domains]))
    # Inside, mail of ours may come from either address of a machine.
    sides = [True] if public else [False, True]
    addresses = [address for side in sides for machine in visible(senders, side) for address in machine["addresses"]]
    sending = policies.get("spf") or {}
    who_sends = spf(dict.fromkeys(addresses), sending.get("also", []), sending.get("all", "-all"))
    found = [record(name, "TXT", who_sends) for name in takes_mail]
    # For greetings: RFC 7208 section 2.3 checks HELO names too.
    found += [record(seen["fqdn"], "TXT", "v=spf1 a -all") for seen in visible(machines, public) if seen["fqdn"] not in takes_mail]
    found += [dict(one) for one in dkim]
    found += _dmarc_records(domain_zones(domains, collapsed_domains), policies.get("dmarc") or {}, postmaster)
    found += _tlsa_records(services, domains[0], keys or {}, public)
    return found + _srv_records(services, domains, public)
