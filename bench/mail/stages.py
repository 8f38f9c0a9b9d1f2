"""Messages a second through the three stages into mailboxes, against three bare Postfix hops on the same exchanger.

Both chains begin on the exchanger's public address, so that the policy of the first stage applies, and end in the same
mailboxes on the same mailstore. The bare hops have Postfix's defaults: no screening, no recipients, no directory, no TLS.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bench.mail.cluster import Cluster
from bench.mail.delivery import LENGTH, SESSIONS
from bench.mail.report import Row

PORTS = (2601, 2602, 2603)

# One hop: everything as Postfix has it, but for where it listens, where it hands on, and where it keeps its queue.
HOP = """
set -e
d=/etc/postfix-bench-{port} q=/var/spool/postfix-bench-{port} l=/var/lib/postfix-bench-{port}
mkdir -p $d $q
install -d -o postfix $l
{{
  echo '{listen}:{port} inet n - n - - smtpd'
  sed -E '/^smtp +inet /d; s/^([a-z]+ +(unix|inet|unix-dgram) +[-yn] +[-yn] +)y/\\1n/' /usr/share/postfix/master.cf.dist
}} > $d/master.cf
cat > $d/main.cf <<END
compatibility_level = 3.10
queue_directory = $q
data_directory = $l
inet_protocols = ipv4
mydestination =
local_recipient_maps =
alias_maps =
mynetworks = 127.0.0.0/8 {network}
relayhost = [{next}]:{next_port}
syslog_name = postfix-bench-{port}
END
# postfix start-fg refuses to run beside other instances (multi_instance_directories); check makes the queue's directories.
postfix -c $d check
systemd-run -q --unit=bench-hop-{port} $(postconf -h daemon_directory)/master -c $d -d
timeout 20 sh -c 'until ss -ltn | grep -q :{port}; do sleep 0.1; done'
"""
UNDO = """
for p in {ports}; do
  systemctl stop bench-hop-$p 2>/dev/null
  systemctl reset-failed bench-hop-$p 2>/dev/null
  rm -rf /etc/postfix-bench-$p /var/spool/postfix-bench-$p /var/lib/postfix-bench-$p
done
true
"""


def measure(cluster: Cluster, count: int, rounds: int) -> list[Row]:
    """Send count messages through each chain to people who have mailboxes, one message a person. The median of rounds."""
    address = cluster.exchanger.public_address
    cluster.known_outside(count - 1)
    # The first connection passes the greet wait; those that follow within a day need not (postscreen_greet_ttl).
    _send(cluster, address, 25, 1)
    ours, theirs = [], []
    with bare(cluster):
        _send(cluster, address, PORTS[0], 1)
        for _ in range(rounds):
            theirs.append(_send(cluster, address, PORTS[0], count))
            ours.append(_send(cluster, address, 25, count))
    return [Row("three stages to the mailbox", count, median(ours), {"bare Postfix hops": median(theirs)})]


def _send(cluster: Cluster, address: str, port: int, count: int) -> float:
    before = cluster.delivered()
    source = f"smtp-source -N -s {SESSIONS} -m {count} -l {LENGTH} -f writer@elsewhere.test -t {cluster.address} {address}:{port}"
    start = time.monotonic()
    cluster.run(cluster.exchanger, source)
    cluster.wait_for(before + count)
    return time.monotonic() - start


@contextmanager
def bare(cluster: Cluster, hops: int = len(PORTS)) -> Iterator[None]:
    """Have bare hops on the exchanger, each handing to the next and the last to the mailstore."""
    machine = cluster.exchanger
    undo = UNDO.format(ports=" ".join(map(str, PORTS)))
    cluster.run(machine, undo)
    public = machine.public_address
    places = [(public if port == PORTS[0] else "127.0.0.1", port) for port in PORTS[:hops]]
    after_each = [*places[1:], (cluster.store.address, 25)]
    try:
        for (listen, port), (after, after_port) in zip(places, after_each, strict=True):
            cluster.run(machine, HOP.format(listen=listen, port=port, network=f"{public}/32", next=after, next_port=after_port))
        yield
    finally:
        cluster.run(machine, undo, check=False)
