"""Purge many rows while a filter writes: ./lab bench quarantine [--json] [--rows N] [--only ours naive].

The peer is the recipe of amavis' README.sql: one DELETE for the records, then one for each table of what belongs to none any more, on
letters that are filed as amavis does by default, all under one tag. Each runs on a MariaDB of its own in a temporary directory, with as
many rows, while a writer files letters.
"""
# ruff: noqa: S608, because statements are put together from numbers of this file

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass, field

from bench.mail.report import machine
from services.quarantine.quarantine.database import Database
from services.quarantine.quarantine.purge import Purge
from tests.private_mariadb import PrivateMariadb
from tests.quarantine_letters import file

#: What the old rows are filed under: a week that is long over, or amavis' default.
TAGS = {"ours": 202001, "naive": 0}
NAIVE = (
    "DELETE FROM msgs WHERE time_num < UNIX_TIMESTAMP() - 30 * 86400",
    "DELETE quarantine FROM quarantine LEFT JOIN msgs USING (partition_tag, mail_id) WHERE msgs.mail_id IS NULL",
    "DELETE msgrcpt FROM msgrcpt LEFT JOIN msgs USING (partition_tag, mail_id) WHERE msgs.mail_id IS NULL",
    "DELETE FROM maddr WHERE NOT EXISTS (SELECT 1 FROM msgs WHERE sid = id) AND NOT EXISTS (SELECT 1 FROM msgrcpt WHERE rid = id)",
)


@dataclass
class Measured:
    """One purge: how many letters went in how many seconds, and how the writer fared meanwhile."""

    rows: int
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    failures: int = 0
    #: Seconds of the longest transaction or statement of the purge.
    longest: float = 0.0

    def say(self) -> dict[str, float]:
        """Return the figures. slowest and median: seconds that one letter took to be filed (four transactions)."""
        waits = sorted(self.waits)
        return {
            "rows": self.rows,
            "seconds": round(self.seconds, 1),
            "longest_step": round(self.longest, 3),
            "rows_a_second": round(self.rows / self.seconds),
            "letters_filed": len(waits),
            "letters_refused": self.failures,
            "slowest": round(waits[-1], 3) if waits else self.seconds,
            "median": round(waits[len(waits) // 2], 4) if waits else self.seconds,
        }


def fill(server: PrivateMariadb, rows: int, tag: int = TAGS["ours"]) -> None:
    """File so many old letters of 1000 bytes, each for one of a thousand people, in pieces that fit into the log."""
    name = "LEFT(TO_BASE64(UNHEX(SHA2(seq, 256))), 12)"
    server.tool(
        "quarantine",
        stdin=f"INSERT INTO maddr (partition_tag, email, domain) SELECT {tag}, CONCAT('p', seq, '@x'), 'x' FROM seq_1_to_1000;"
        f"SELECT MIN(id) INTO @id FROM maddr WHERE partition_tag = {tag};"
        + "".join(
            f"INSERT INTO msgs (partition_tag, mail_id, secret_id, am_id, time_num, time_iso, sid, size, content, quar_type, host, subject)"
            f" SELECT {tag}, {name}, 'secret', 'x', UNIX_TIMESTAMP() - 40 * 86400 + seq DIV 10, '', @id + seq % 1000, 1000, 'S', 'Q',"
            f" 'mx1', 'cheap pills' FROM {numbers};"
            f"INSERT INTO msgrcpt (partition_tag, mail_id, rseqnum, rid, content, ds, rs)"
            f" SELECT {tag}, {name}, 1, @id + (seq + 1) % 1000, 'S', 'D', ' ' FROM {numbers};"
            f"INSERT INTO quarantine SELECT {tag}, {name}, 1, REPEAT('x', 1000) FROM {numbers};"
            for numbers in (f"seq_{start}_to_{min(rows, start + 49_999)}" for start in range(1, rows + 1, 50_000))
        ),
    )


def ours(server: PrivateMariadb, database: Database) -> float:
    """Purge as quarantine-admin does; return the seconds of the longest transaction."""
    return Purge(database, server.admin()).run().longest


def naive(_server: PrivateMariadb, database: Database) -> float:
    """Purge as the recipe says; return the seconds of the longest statement."""
    longest = 0.0
    for statement in NAIVE:
        begun = time.monotonic()
        database.run(statement)
        longest = max(longest, time.monotonic() - begun)
    return longest


def measure(name: str, rows: int, memory: int) -> Measured:
    """Fill a server, and purge it while somebody writes."""
    found = Measured(rows)
    purge, tag = {"ours": ours, "naive": naive}[name], TAGS[name]
    with PrivateMariadb(f"--innodb-buffer-pool-size={memory}M", "--innodb-log-file-size=256M") as server:
        server.set_up()
        fill(server, rows, tag)
        stop = threading.Event()

        def write() -> None:
            with server.account("content_filter") as database:
                while not stop.is_set():
                    begun = time.monotonic()
                    try:
                        file(database, weekly=bool(tag))
                        found.waits.append(time.monotonic() - begun)
                    except Exception:  # noqa: BLE001  a letter that is refused waits in the exchanger; here it is counted
                        found.failures += 1
                    time.sleep(0.02)

        writer = threading.Thread(target=write)
        writer.start()
        with server.root("quarantine") as database:
            database.run("SET SESSION innodb_lock_wait_timeout = 3600")
            begun = time.monotonic()
            found.longest = purge(server, database)
            found.seconds = time.monotonic() - begun
            left = database.value("SELECT COUNT(*) FROM msgs WHERE time_num < UNIX_TIMESTAMP() - 30 * 86400")
        stop.set()
        writer.join()
        assert not left, f"{left} rows are left"
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="lab bench quarantine", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--rows", type=int, default=1_000_000, help="old letters (default %(default)s)")
    parser.add_argument("--memory", type=int, default=256, help="megabytes of the database's pages (default %(default)s)")
    parser.add_argument("--only", nargs="+", choices=("ours", "naive"), default=("ours", "naive"))
    options = parser.parse_args()
    found = {name: measure(name, options.rows, options.memory).say() for name in options.only}
    ratios = {}
    if len(found) > 1:
        ratios = {
            "slowest insert, naive to ours": round(found["naive"]["slowest"] / found["ours"]["slowest"], 1),
            "time for all, ours to naive": round(found["ours"]["seconds"] / found["naive"]["seconds"], 2),
        }
    if options.json:
        print(
            json.dumps(
                {"walls": {name: one["seconds"] for name, one in found.items()}, "ratios": ratios, "found": found, "machine": machine()}
            )
        )
        return 0
    for name, one in found.items():
        print(f"{name}: " + ", ".join(f"{value} {word.replace('_', ' ')}" for word, value in one.items()))
    for name, ratio in ratios.items():
        print(f"{name}: {ratio}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
