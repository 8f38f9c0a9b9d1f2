"""Messages a second over LMTP into Maildirs, to new and to existing people: our Dovecot, and the same with Debian's defaults.

The peer is a second Dovecot on the same mailstore with the same configuration, in which what we tuned for delivery has the
value that Dovecot has without us: same directory, same plugins, same disk, one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench.mail.cluster import Cluster
from bench.mail.report import Row

OURS = "/var/spool/postfix/private/dovecot-lmtp"
BASE = "/run/dovecot-bench"
CONFIG = "/etc/dovecot/bench.conf"
SESSIONS = 10
#: A text of 2 kB is about the median of a campus' mail without attachments.
LENGTH = 2000

PEER = f"""dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
!include /etc/dovecot/dovecot.conf
base_dir = {BASE}
instance_name = bench
protocols = lmtp
service lmtp {{
  unix_listener lmtp {{
    mode = 0600
  }}
}}
"""


def measure(cluster: Cluster, count: int, rounds: int) -> list[Row]:
    """Deliver count messages to new people and again to the same, to each Dovecot in turn. The medians of rounds."""
    walls: dict[tuple[str, bool], list[float]] = {}
    with debian(cluster) as theirs:
        for _ in range(rounds):
            for socket in (theirs, OURS):
                cluster.forget_mail()
                for existing in (False, True):
                    walls.setdefault((socket, existing), []).append(deliver(cluster, socket, count))
                cluster.wait_for(2 * count, 10)
        rows = []
        for name, existing in (("LMTP to new people", False), ("LMTP to existing people", True)):
            peers = {"Debian's defaults": median(walls[theirs, existing])}
            rows.append(Row(name, count, median(walls[OURS, existing]), peers))
    return rows


def deliver(cluster: Cluster, socket: str, count: int) -> float:
    """Deliver one message to each of count people, and return the seconds."""
    # LMTP answers when the message is in the mailbox, so smtp-source's end is the end.
    source = f"smtp-source -L -N -s {SESSIONS} -m {count} -l {LENGTH} -f writer@elsewhere.test -t {cluster.address} unix:{socket}"
    start = time.monotonic()
    cluster.run(cluster.store, source)
    return time.monotonic() - start


@contextmanager
def debian(cluster: Cluster) -> Iterator[str]:
    """Run the peer for a while. Yields its socket."""
    usual = cluster.run(cluster.store, "doveconf -d -h service/lmtp/restart_request_count").strip()
    with other(cluster, f"service lmtp {{\n  restart_request_count = {usual}\n}}\n") as socket:
        yield socket


@contextmanager
def other(cluster: Cluster, changes: str) -> Iterator[str]:
    """Run a second Dovecot on the mailstore for a while, with our configuration but for some settings. Yields its LMTP's socket."""
    config = PEER + changes + without_sockets(cluster.run(cluster.store, "doveconf -n"))
    cluster.run(cluster.store, f"umask 077; cat > {CONFIG}", config)
    cluster.run(cluster.store, f"systemd-run -q --unit=dovecot-bench /usr/sbin/dovecot -F -c {CONFIG}")
    try:
        cluster.run(cluster.store, f"timeout 20 sh -c 'until ss -lxH | grep -q {BASE}/lmtp; do sleep 0.1; done'")
        yield f"{BASE}/lmtp"
    finally:
        cluster.run(
            cluster.store, f"systemctl stop dovecot-bench; systemctl reset-failed -q dovecot-bench; rm -rf {CONFIG} {BASE}", check=False
        )


def without_sockets(config: str) -> str:
    """Write settings that switch off the sockets of a configuration that have a place of their own: two masters cannot share one."""
    service, lines = "", []
    for words in (line.split() for line in config.splitlines()):
        if words[:1] == ["service"]:
            service = words[1]
        if words[:1] == ["unix_listener"] and words[1].startswith("/"):
            lines.append(f"service {service} {{\n  unix_listener {words[1]} {{\n    mode = 0\n  }}\n}}\n")
        if words[:1] == ["inet_listener"]:
            lines.append(f"service {service} {{\n  inet_listener {words[1]} {{\n    port = 0\n  }}\n}}\n")
    return "".join(lines)
