"""Whether a directory server has every change that the one has which takes them."""

from __future__ import annotations

import re
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from .findings import Finding, Level, Limits, duration
from .machine import asked
from .settings import Directory

# A change's number begins with its time, so the order of changes is that of its letters (draft-chu-ldap-csn-00):
# 20261122213005.123456Z#000000#000#000000
_CSN = re.compile(r"^contextCSN: (\d{14}\.\d{6}Z)#", re.MULTILINE)
#: Seconds that a change may be on its way before it is late.
WAIT = 2.0
_REMEDY = "systemctl status slapd and journalctl -u slapd -e say why; systemctl restart slapd begins anew where it stopped"


class Silent(Exception):  # noqa: N818  it is the server that is silent
    """A server does not say how far it is; the text says why."""


def look(directory: Directory, limits: Limits, patience: float) -> Finding:
    """Ask the server on this machine, and when it follows another one, that one too."""
    try:
        secret = Path(directory.secret).read_text(encoding="utf-8").strip()
        here = _newest(directory, directory.uri, secret, patience)
    except (OSError, Silent) as fault:
        return Finding("directory", "server", Level.CRITICAL, f"the directory server does not answer: {fault}", _REMEDY)
    if not directory.provider:
        return Finding("directory", "server", Level.FINE, f"the directory answers; its newest change is of {_when(here)}")
    try:
        goal = _newest(directory, directory.provider, secret, patience)
        end = time.monotonic() + WAIT
        while here < goal and time.monotonic() < end:
            time.sleep(0.2)
            here = _newest(directory, directory.uri, secret, patience)
    except Silent as fault:
        remedy = "this replica answers with what it has, and changes wait; look at the provider"
        return Finding("directory", "replication", Level.WARNING, f"the provider does not say how far it is: {fault}", remedy)
    return judge(here, goal, limits, time.time())


def judge(here: str, goal: str, limits: Limits, now: float) -> Finding:
    """Compare the newest change of a replica with one that the provider had a moment ago."""
    if here >= goal:
        return Finding("directory", "replication", Level.FINE, f"everything up to {_when(goal)} is here", figures={"late": 0})
    late = now - _moment(goal)
    says = f"changes of {_when(goal)} have not come for {duration(late)}; the newest here is of {_when(here)}"
    return Finding("directory", "replication", max(Level.WARNING, limits.above(late)), says, _REMEDY, {"late": round(late)})


def _newest(directory: Directory, uri: str, secret: str, patience: float) -> str:
    """Return the number of the newest change that a server knows of. Raises Silent."""
    # ldapsearch takes the whole file for the password, the end of its line too, and its arguments can be seen by everybody.
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as exact:
        exact.write(secret)
        exact.flush()
        words = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-o", f"nettimeout={max(1, patience):.0f}", "-H", uri]
        words += ["-D", directory.identity, "-y", exact.name, "-b", directory.suffix, "-s", "base", "contextCSN"]
        status, said, fault = asked(words, patience)
    if status:
        raise Silent(fault.splitlines()[0] if fault else f"status {status}")
    found = _CSN.findall(said)
    if not found:
        raise Silent("it knows of no change at all, so it is empty")
    return str(max(found))


def _moment(csn: str) -> float:
    return datetime.strptime(csn, "%Y%m%d%H%M%S.%fZ").replace(tzinfo=UTC).timestamp()


def _when(csn: str) -> str:
    return datetime.fromtimestamp(_moment(csn), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
