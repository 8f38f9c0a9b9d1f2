"""./lab probe: send real mail from the internet: to somebody on each mailstore, read back through the proxy; a virus, which has to stop in
the quarantine; and what people hand in where they log in, to each other and to the world."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from frontdoor import paths, post, shell, ssh, standing
from frontdoor.errors import Refused
from frontdoor.landscape import Landscape, Machine
from frontdoor.mailclient import Origin, Smtp

LIMIT = 60.0
SENDER = "probe@elsewhere.test"
# Where the machine that plays the internet keeps all it gets.
WORLD_MAILBOX = "/var/mail/elsewhere/Maildir/new"
HELO = "internet.elsewhere.test"
# What lets a letter go elsewhere than into the person's mailbox, or nowhere: such people are no measure of the cluster.
SPECIAL = {"deliveryMode", "mailForwardingAddress", "mailQuotaSize", "mailQuotaCount", "mailSizeMax"}

# The harmless file that scanners call a virus (eicar.org), in two halves: no scanner shall stop at this file.
HARMLESS = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")


@dataclass
class Result:
    """One letter. path: the machines that took it; error: why it did not arrive, empty when it did."""

    message: str
    path: list[str]
    mailbox: str
    seconds: float
    error: str = ""


def is_ordinary(person: dict[str, Any]) -> bool:
    """Tell whether nothing in the entry keeps a letter from the person's mailbox; a limit of 0 is none."""
    return person.get("accountStatus", "active") == "active" and not any(person.get(name) for name in SPECIAL)


def residents(landscape: Landscape) -> Iterator[tuple[Machine, dict[str, Any] | None]]:
    """Yield each mailstore with an ordinary person who lives there, or None when nobody does."""
    default = f"{landscape.values.get('cluster_default_mailstore')}.{landscape.domain}"
    for store in landscape.machines("mailstore"):
        people = [*(landscape.everywhere("directory_people") or []), *(landscape.everywhere("directory_further_people") or [])]
        here = [person for person in people if person.get("mailHost", default) == store.fqdn and is_ordinary(person)]
        yield store, here[0] if here else None


def hand_over(taker: Machine, connect: Callable[[], Smtp], sender: str, address: str, message: bytes, deadline: float) -> None:
    """Give the letter to a machine of ours; refusals for now are tried again, as mail servers do."""
    while True:
        outcome = post.hand_over(connect, sender, [address], message)[address]
        if outcome.sent:
            return
        if outcome.code // 100 == 5 or time.monotonic() > deadline:
            raise Refused(f"{taker.name} did not take it ({outcome})")
        time.sleep(1)


def from_the_world(landscape: Landscape, origin: Origin, address: str, message: bytes, deadline: float) -> None:
    """Give the letter to the exchanger."""
    exchanger = landscape.machines("exchanger")[0]
    hand_over(exchanger, lambda: origin.smtp(exchanger.public_address, 25, HELO), SENDER, address, message, deadline)


def log_in(landscape: Landscape, origin: Origin, taker: Machine, person: dict[str, Any]) -> Smtp:
    """Log in at 587 as a person's mail program does, by the name that people know."""
    client = origin.smtp(taker.public_address, 587, HELO)
    client.secure(f"smtp.{landscape.domain}")
    client.login(str(person["uid"]), str(landscape.values["cluster_secrets"]["people"]))
    return client


def read_back(landscape: Landscape, origin: Origin, user: str, token: str, deadline: float) -> list[str]:
    """Wait for the letter where its reader reads it; return the machines that took it."""
    proxy = landscape.machines("proxy")[0]
    with origin.imap(proxy.public_address, f"imap.{landscape.domain}") as client:
        client.login(user, str(landscape.values["cluster_secrets"]["people"]))
        found = post.wait_for(lambda: post.find(client, token), deadline - time.monotonic())
    if not found:
        raise Refused("it did not arrive in time")
    return post.path(found[0])


def measure(message: str, mailbox: str, trace: Callable[[float], list[str]], limit: float) -> Result:
    """Time one letter; trace: sends it and returns the machines that took it, given a deadline on the monotonic clock."""
    result = Result(message, [], mailbox, 0.0)
    started = time.monotonic()
    try:
        result.path = trace(started + limit)
    except (Refused, OSError, post.IMAP_ERROR) as fault:
        result.error = str(fault)
    result.seconds = round(time.monotonic() - started, 2)
    return result


def address_of(person: dict[str, Any]) -> str:
    """Return the first mail address of a person."""
    return str(person["mail"][0] if isinstance(person["mail"], list) else person["mail"])


def probe(landscape: Landscape, ssh_config: Path, store: Machine, person: dict[str, Any], limit: float = LIMIT) -> Result:
    """Send one letter to a person and wait until it can be read where the person reads it."""
    outside, address = landscape.machines("world")[0].name, address_of(person)

    def trace(deadline: float) -> list[str]:
        token = post.new_token()
        with contextlib.closing(Origin(outside, ssh_config, landscape.folder / "pki" / "ca.pem")) as origin:
            from_the_world(landscape, origin, address, post.letter(token, SENDER, address), deadline)
            taken = read_back(landscape, origin, str(person["uid"]), token, deadline)
        if taken[-1] != store.name:
            raise Refused(f"it arrived on {taken[-1]}")
        return [outside, *taken]

    return measure(f"{outside} to {store.name}", address, trace, limit)


def probe_filter(landscape: Landscape, ssh_config: Path, judge: Machine, person: dict[str, Any], limit: float = LIMIT) -> Result:
    """Send a virus to a person and wait until the quarantine has it."""
    outside, address = landscape.machines("world")[0].name, address_of(person)

    def trace(deadline: float) -> list[str]:
        token = post.new_token()
        listing = ssh.command(judge.name, "quarantine", "list", "--json", "--class", "virus", "--text", token)
        with contextlib.closing(Origin(outside, ssh_config, landscape.folder / "pki" / "ca.pem")) as origin:
            from_the_world(landscape, origin, address, post.letter(token, SENDER, address, body="".join(HARMLESS) + "\n"), deadline)
        if not post.wait_for(lambda: token in shell.run(listing, check=False, timeout=20).stdout, deadline - time.monotonic()):
            raise Refused("the quarantine does not show it")
        return [outside, landscape.machines("exchanger")[0].name, landscape.machines("quarantine")[0].name]

    return measure(f"{outside}, a virus", "the quarantine", trace, limit)


def probe_submission(
    landscape: Landscape, ssh_config: Path, writer: dict[str, Any], reader: dict[str, Any] | None, limit: float = LIMIT
) -> Result:
    """Hand in a letter as a person, to another person, or to the world when there is no reader; wait until it is there."""
    taker, world = landscape.machines("submission")[0], landscape.machines("world")[0].name
    sender, address = address_of(writer), address_of(reader) if reader else SENDER

    def trace(deadline: float) -> list[str]:
        token = post.new_token()
        with contextlib.closing(Origin(world, ssh_config, landscape.folder / "pki" / "ca.pem")) as origin:
            letter = post.letter(token, sender, address)
            hand_over(taker, lambda: log_in(landscape, origin, taker, writer), sender, address, letter, deadline)
            if reader:
                return [writer["uid"], *read_back(landscape, origin, str(reader["uid"]), token, deadline)]
        looking = ssh.command(world, "grep", "-rhe", f"^{post.MARK}: {token}", "--include=*", WORLD_MAILBOX)
        if not post.wait_for(lambda: token in shell.run(looking, check=False, timeout=20).stdout, deadline - time.monotonic()):
            raise Refused(f"{world} did not get it in time")
        return [writer["uid"], taker.name, world]

    return measure(f"{writer['uid']} to {reader['uid'] if reader else 'the world'}", address, trace, limit)


def run(landscape: Landscape, ssh_config: Path, limit: float = LIMIT, progress: bool = True) -> list[Result]:
    """Probe every mailstore, a filter and a submission machine at once; results in the order of the inventory."""
    jobs = {}
    missing, people = [], []
    with ThreadPoolExecutor(16) as pool:
        for store, person in residents(landscape):
            if person is None:
                missing.append(Result(f"to {store.name}", [], "nobody", 0.0, "directory_people names no ordinary person who lives there"))
            else:
                jobs[pool.submit(probe, landscape, ssh_config, store, person, limit)] = store.name
                people.append(person)
        for judge in landscape.machines("content_filter")[:1] if jobs else []:
            jobs[pool.submit(probe_filter, landscape, ssh_config, judge, people[-1], limit)] = judge.name
        for door in landscape.machines("submission")[:1] if jobs else []:
            for reader in (people[-1], None):
                jobs[pool.submit(probe_submission, landscape, ssh_config, people[0], reader, limit)] = door.name
        for done in as_completed(jobs):
            if progress:
                result = done.result()
                print(f"  {jobs[done]}: {result.error or 'it is there'} after {result.seconds:.1f} s", file=sys.stderr, flush=True)
    return [job.result() for job in jobs] + missing


def table(results: Sequence[Result]) -> str:
    """Write the results for people: message, path taken, mailbox, seconds."""
    rows = [("message", "path taken", "mailbox", "seconds")]
    rows += [
        (one.message, f"FAILED: {one.error}" if one.error else " > ".join(one.path), one.mailbox, f"{one.seconds:.1f}") for one in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the probe; 0 when every letter was read back."""
    parser = argparse.ArgumentParser(prog="./lab probe", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object instead of a table")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help="give a letter up after so long (%(default)s)")
    parser.add_argument(
        "--inventory", type=Path, action="append", metavar="FILE", help="read a further file of hosts, as ansible-playbook -i"
    )
    chosen = parser.parse_args(arguments)
    if not paths.SSH_CONFIG.exists():
        raise Refused("The lab is not up: ./lab up")
    landscape = Landscape(standing.inventory())
    for file in chosen.inventory or []:
        landscape.add(file)
    results = run(landscape, paths.SSH_CONFIG, chosen.limit, progress=not chosen.json)
    if chosen.json:
        print(json.dumps({"green": not any(result.error for result in results), "letters": [asdict(result) for result in results]}))
    else:
        print(table(results))
    return 1 if not results or any(result.error for result in results) else 0


if __name__ == "__main__":
    raise SystemExit(main())
