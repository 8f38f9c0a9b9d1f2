"""The cluster as the world sees it: names, ports that answer, ports that must not. Runs where the world is, and leaves nothing there.

It reads one JSON object from standard input: zones, signed, servers, doors, shut, resolvers, ca, patience, certificate_days, old_tls.
It prints one: at, seconds, findings.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import der, promises
from .asking import Resolver
from .findings import Finding, Level, Limits, listed
from .ports import judge
from .settings import Port
from .talking import Heard, listen, takes_old

#: Seconds after which a port that says nothing is shut: on the other side of the world an answer takes a third of one.
SILENCE = 1.5


def main() -> int:
    """Look, and print what was found."""
    began = time.monotonic()
    given = json.load(sys.stdin)
    found = look(given)
    json.dump(
        {"at": round(time.time(), 3), "seconds": round(time.monotonic() - began, 2), "findings": [one.told() for one in found]}, sys.stdout
    )
    return 0


def look(given: Mapping[str, Any]) -> list[Finding]:
    """Look at everything side by side."""
    patience = float(given.get("patience", 6))
    resolver = Resolver(given.get("resolvers", []), patience / 2)
    with ThreadPoolExecutor(max_workers=3) as pool:
        names = pool.submit(promises.look, given.get("zones", []), given.get("signed", []), given.get("servers", []), resolver)
        doors = pool.submit(_doors, given, resolver, patience)
        shut = pool.submit(_shut, given.get("shut", []))
        return [*names.result(), *doors.result(), *shut.result()]


def _doors(given: Mapping[str, Any], resolver: Resolver, patience: float) -> list[Finding]:
    """Ports at which the world is welcome. Two connections each, side by side: some servers let strangers wait for their greeting."""
    doors = [Port(**one) for one in given.get("doors", [])]
    days = Limits(*given.get("certificate_days", (21, 7)))
    old = bool(given.get("old_tls", True))
    with ThreadPoolExecutor(max_workers=2 * len(doors) + 2) as pool:
        heard = [pool.submit(listen, one.address, one.port, one.speaks, one.host, given.get("ca"), patience) for one in doors]
        taken = [pool.submit(takes_old, one.address, one.port, one.speaks, one.host, patience) if old else None for one in doors]
        keys = resolver.ask_all([(f"_{one.port}._tcp.{one.host}.", "TLSA") for one in doors])
        found = []
        for door, one, other in zip(doors, heard, taken, strict=True):
            found.append(judge(door, one.result(), other.result() if other else "", days, time.time()))
            found += _dane(door, one.result(), keys[f"_{door.port}._tcp.{door.host}.", "TLSA"].values)
    return found


def _dane(door: Port, heard: Heard, records: frozenset[str]) -> list[Finding]:
    """Compare the certificate of a port with what DNS says of it; nothing when all is well, or DNS says nothing."""
    if not records or not heard.certificate:
        return []
    for record in records:
        _, selector, matching, data = record.split(" ", 3)
        if der.association(heard.certificate, int(selector), int(matching)) == data.replace(" ", ""):
            return []
    says = f"{door.host} port {door.port} presents a certificate that its TLSA records do not know"
    remedy = "mail of senders that honour DANE waits: ansible-playbook playbooks/site.yml makes both the same again (docs/dns.md)"
    return [Finding("dane", f"{door.name} {door.port}", Level.CRITICAL, says, remedy)]


def _shut(places: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Ports at which the world finds nobody."""
    asked = [(one["name"], one["address"], port) for one in places for port in one["ports"]]
    with ThreadPoolExecutor(max_workers=max(1, min(64, len(asked)))) as pool:
        answers = list(pool.map(lambda one: _is_open(one[1], one[2]), asked))
    remedy = "nft list ruleset on the machine; playbooks/site.yml closes what playbooks/group_vars/all/firewall.yml does not open"
    opened = [f"{name} port {port} ({address})" for (name, address, port), answer in zip(asked, answers, strict=True) if answer]
    if opened:
        return [Finding("shut", "ports", Level.CRITICAL, f"the world reaches what is not for it: {listed(opened)}", remedy)]
    return [Finding("shut", "ports", Level.FINE, f"{len(asked)} ports that are not for the world are shut")] if asked else []


def _is_open(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), SILENCE).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
