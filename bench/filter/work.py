"""The same letters through the whole exchanger, through amavis alone, and through one bare Postfix hop, into the same mailboxes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

from bench.filter.processors import between, read
from bench.mail import stages
from bench.mail.cluster import Cluster
from bench.mail.delivery import SESSIONS
from bench.mail.report import Row
from tests.corpus import shapes, words
from tests.corpus.sample import Sample, crlf, part

LETTER = "/root/posthouse-bench.eml"
SENDER = "writer@elsewhere.test"
FILTER_PORT = 10024


@dataclass
class Measured:
    """Rows of the table, and milliseconds of processor time a message by class and by the name of the row."""

    rows: list[Row]
    processors: dict[str, dict[str, float]]


def letters() -> dict[str, bytes]:
    """Return what is sent: a text of two kilobytes, and a newsletter's page with its text beside it."""
    text = Sample("bench", part("text/plain; charset=us-ascii", crlf(words.ENGLISH * 8)))
    page = next(sample for sample in shapes.pages() if sample.name == "html-and-text")
    return {"text": text.addressed("bench", SENDER, SENDER), "page": page.addressed("bench", SENDER, SENDER)}


def measure(cluster: Cluster, count: int, rounds: int) -> Measured:
    """Send count letters of each kind each way, in turns. The medians of rounds; processor time is of the last round."""
    cluster.known_outside(count - 1)
    found = Measured([], {})
    public = cluster.exchanger.public_address
    ways = {
        "whole exchanger": f"{public}:25",
        "amavis alone": f"127.0.0.1:{FILTER_PORT}",
        "a bare Postfix hop": f"{public}:{stages.PORTS[0]}",
    }
    with stages.bare(cluster, hops=1):
        for kind, letter in letters().items():
            # smtp-source ends lines itself.
            cluster.run(cluster.exchanger, f"cat > {LETTER}", letter.decode("ascii").replace("\r\n", "\n"))
            walls: dict[str, list[float]] = {}
            for way, place in ways.items():
                _send(cluster, place, 2)  # the greet wait, and the first letter of a filter's child
                walls[way] = []
            for _ in range(rounds):
                for way, place in ways.items():
                    before = read(cluster)
                    walls[way].append(_send(cluster, place, count))
                    found.processors[f"{kind}: {way}"] = between(before, read(cluster), count)
            ours, *peers = ways
            found.rows.append(Row(f"{kind}: {ours}", count, median(walls[ours]), {peer: median(walls[peer]) for peer in peers}))
    cluster.run(cluster.exchanger, f"rm -f {LETTER}")
    return found


def _send(cluster: Cluster, place: str, count: int) -> float:
    before = cluster.delivered()
    source = f"smtp-source -N -s {min(SESSIONS, count)} -m {count} -F {LETTER} -f {SENDER} -t {cluster.address} {place}"
    start = time.monotonic()
    cluster.run(cluster.exchanger, source)
    cluster.wait_for(before + count, 60 + count)
    return time.monotonic() - start
