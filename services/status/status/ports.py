"""Ports that speak TLS, as their clients see them."""

from __future__ import annotations

import time

from . import der
from .findings import Finding, Level, Limits, duration
from .settings import Port
from .talking import Heard, listen, takes_old

_RENEW = "ansible-playbook playbooks/site.yml renews certificates and hands them to their services"


def look(port: Port, ca: str | None, days: Limits, patience: float, old: bool) -> Finding:
    """Begin TLS on a port and judge what it presents. old: whether versions that nobody should take are tried too."""
    heard = listen(port.address, port.port, port.speaks, port.host, ca, patience)
    taken = takes_old(port.address, port.port, port.speaks, port.host, patience) if old and not heard.fault else ""
    return judge(port, heard, taken, days, time.time())


def judge(port: Port, heard: Heard, old: str, days: Limits, now: float) -> Finding:
    """Make a sentence of what a port presented."""
    about = f"{port.name} {port.port}"
    place = f"{port.host} port {port.port}" + (f" ({port.address})" if ":" in port.address else "")
    if heard.fault:
        remedy = "is its service up (systemctl status), does the firewall let this one in (nft list ruleset), who listens (ss -ltn)?"
        return Finding("port", about, Level.CRITICAL, f"{place}: {heard.fault}", remedy)
    if heard.distrust:
        return Finding("port", about, Level.CRITICAL, f"{place}: its certificate does not hold: {heard.distrust}", _RENEW)
    left = der.ends(heard.certificate).timestamp() - now
    figures = {"version": heard.version, "days": int(left // 86400)}
    if old:
        remedy = "that is no setting of ours (TLS 1.2 and 1.3 alone): somebody changed it by hand; playbooks/site.yml puts it back"
        return Finding("port", about, Level.CRITICAL, f"{place} takes {old}, which is broken (RFC 8996)", remedy, figures)
    says = f"{place}: {heard.version}, its certificate holds for {duration(left)} more"
    return Finding("port", about, days.below(left / 86400), says, _RENEW, figures)
