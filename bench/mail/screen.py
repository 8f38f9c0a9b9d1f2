"""Refusals a second at the first stage while good senders are served, against the same stage with Postfix's default limits.

Bad clients come at a steady rate from addresses that a DNS list names (a small zone on the exchanger's own resolver, for the time
of the bench), or speak before the greeting. Good clients come from other addresses, some of them for the first time.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.mail.cluster import STEM, BenchError, Cluster, parameters
from bench.mail.report import Row

LIST = "list.bench"
BAD = range(101, 181)
GOOD = range(181, 197)
GOOD_RATE = 2.0
#: Early talkers do not stay for the greet wait, so more of them fit in.
HASTE = 5
INSTANCE = "postfix-outside"
# What the screen holds, as Postfix has it without us (postconf -d on the exchanger tells the values).
LIMITS = ("default_process_limit", "postscreen_pre_queue_limit", "postscreen_post_queue_limit", "postscreen_command_time_limit")


@dataclass(frozen=True)
class Trial:
    """What became of everybody in one run."""

    refused: int
    busy: int
    lost: int
    good: int
    turned_away: int
    offered: float
    slowest: float
    words: dict[str, int]

    @property
    def remark(self) -> str:
        """Say in short whether good senders suffered."""
        good = f"good: {self.good} served (slowest {self.slowest:.1f} s), {self.turned_away} turned away"
        return f"{good}; bad: {self.busy} heard 421, {self.lost} nothing"


def measure(cluster: Cluster, rate: float, seconds: float) -> list[Row]:
    """Let bad clients come at this rate for so long, in both ways, to our limits and to the default ones."""
    cluster.known_outside(0)
    theirs = dict(zip(LIMITS, cluster.run(cluster.exchanger, f"postconf -d -h {' '.join(LIMITS)}").splitlines(), strict=True))
    # A memory of its own: every good sender is a new one at first, and waits for the greeting.
    memory = {"postscreen_cache_map": "lmdb:$data_directory/postscreen_bench"}
    # One list that counts one, whatever the site weighs its own lists with.
    lists = {"postscreen_dnsbl_sites": LIST, "postscreen_dnsbl_threshold": "1", "postscreen_dnsbl_allowlist_threshold": "0"}
    ours = {**lists, "postscreen_dnsbl_action": "enforce", "postscreen_greet_action": "drop", **memory}
    trials: dict[tuple[str, str], Trial] = {}
    with addresses(cluster), dns_list(cluster):
        for name, values in (("ours", ours), ("default limits", {**theirs, **ours})):
            for kind, times in (("listed", 1), ("early", HASTE)):
                with parameters(cluster, INSTANCE, values):
                    trials[name, kind] = attempt(cluster, rate * times, seconds, kind)
                cluster.run(cluster.exchanger, f"rm -f $(postconf -c /etc/{INSTANCE} -xh data_directory)/postscreen_bench.lmdb")
    return [_row("clients on a DNS list refused", trials, "listed"), _row("early talkers refused", trials, "early")]


def _row(name: str, trials: dict[tuple[str, str], Trial], kind: str) -> Row:
    ours, theirs = trials["ours", kind], trials["default limits", kind]
    # The time in which as many are refused as our screen refused in its run.
    wall = theirs.offered * ours.refused / max(theirs.refused, 1)
    return Row(
        name, ours.refused, ours.offered, {"Postfix's default limits": wall}, f"{ours.remark}\n{'':61}default limits: {theirs.remark}"
    )


def attempt(cluster: Cluster, rate: float, seconds: float, kind: str) -> Trial:
    """Let everybody come once."""
    net = cluster.outside.public_address.rpartition(".")[0]
    given: dict[str, Any] = {
        "server": cluster.exchanger.public_address,
        "port": 25,
        "recipient": f"{STEM}0@{cluster.domain}",
        "rate": rate,
        "seconds": seconds,
        "early": kind == "early",
        "bad": [f"{net}.{number}" for number in BAD],
        "good": [f"{net}.{number}" for number in GOOD],
        "good_rate": GOOD_RATE,
    }
    program = Path(__file__).with_name("clients.py").read_text(encoding="utf-8")
    said = cluster.run(cluster.outside, f"ulimit -n 10000; python3 - {shlex.quote(json.dumps(given))}", program, seconds + 150)
    seen = json.loads(said)
    bad, good = seen["bad"], seen["good"]
    served = good.get("served", 0)
    if not bad.get("refused"):
        raise BenchError(f"nobody was refused: {seen['words']}")
    return Trial(
        refused=bad.get("refused", 0),
        busy=bad.get("busy", 0),
        lost=bad.get("else", 0) + bad.get("served", 0),
        good=served,
        turned_away=sum(good.values()) - served,
        offered=seen["offered"],
        slowest=seen["slowest"],
        words=seen["words"],
    )


@contextmanager
def addresses(cluster: Cluster) -> Iterator[None]:
    """Give the internet machine the addresses of all clients for a while."""
    net = cluster.outside.public_address.rpartition(".")[0]
    device = f"$(ip -o -4 addr show to {cluster.outside.public_address} | cut -d' ' -f2)"
    loop = "for n in $(seq {first} {last}); do ip addr {verb} {net}.$n/32 dev {device} 2>/dev/null; done; true"
    words = {"first": BAD[0], "last": GOOD[-1], "net": net, "device": device}
    cluster.run(cluster.outside, loop.format(verb="add", **words))
    try:
        yield
    finally:
        cluster.run(cluster.outside, loop.format(verb="del", **words))


@contextmanager
def dns_list(cluster: Cluster) -> Iterator[None]:
    """Have a DNS list with the bad clients in every view of the exchanger's resolver for a while."""
    reverse = ".".join(reversed(cluster.outside.public_address.rpartition(".")[0].split(".")))
    entries = "".join(f"{number}.{reverse} A 127.0.0.2\n" for number in BAD)
    zone = f"$TTL 60\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n{entries}"
    place, config = "/var/cache/bind/db.bench", "/etc/bind/named.conf"
    declared = f'zone "{LIST}" {{ type primary; file "{place}"; }};'
    cluster.run(cluster.exchanger, f"cat > {place}", zone)
    cluster.run(cluster.exchanger, f"cp -a {config} {config}.bench && sed -i '/^view /a\\    {declared}' {config} && rndc reconfig")
    try:
        listed = f"{BAD[0]}.{reverse}.{LIST}"
        if "127.0.0.2" not in cluster.run(cluster.exchanger, f"getent ahostsv4 {listed}", check=False):
            raise BenchError(f"{cluster.exchanger.name} does not find {listed}, so no client would be refused")
        yield
    finally:
        cluster.run(cluster.exchanger, f"mv {config}.bench {config}; rm -f {place}; rndc reconfig")
