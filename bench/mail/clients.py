"""Many SMTP clients at once, from many addresses of this machine. Runs on the internet machine, with its bare Python.

Reads one JSON object from the first argument and prints one; bench/mail/screen.py knows both.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any, Self

PATIENCE = 60.0


class Client:
    """One connection from one address."""

    def __init__(self, given: dict[str, Any], source: str) -> None:
        """Keep who talks to whom."""
        self.server, self.port = given["server"], given["port"]
        self.source, self.recipient = source, given["recipient"]

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(self.server, self.port, local_addr=(self.source, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def reply(self) -> str:
        """Read one reply, all of its lines. An end of the connection reads as nothing."""
        while True:
            line = (await self.reader.readline()).decode("ascii", "replace").rstrip()
            if line[3:4] != "-":
                return line

    async def say(self, line: str) -> str:
        """Send a command and read its reply."""
        self.writer.write(line.encode() + b"\r\n")
        return await self.reply()

    async def letter(self) -> str:
        """Send a letter as a good client does. Returns the reply that decided."""
        said = await self.reply()
        steps = [
            "EHLO client.elsewhere.test",
            "MAIL FROM:<writer@elsewhere.test>",
            f"RCPT TO:<{self.recipient}>",
            "DATA",
            "Subject: bench\r\n\r\nbench\r\n.",
        ]
        for step in steps:
            if not said.startswith(("2", "3")):
                return said
            said = await self.say(step)
        self.writer.write(b"QUIT\r\n")
        return said

    async def early(self) -> str:
        """Speak before the greeting."""
        self.writer.write(b"EHLO client.elsewhere.test\r\n")
        return await self.reply()


def fate(said: str) -> str:
    """Name what a reply means."""
    if said.startswith("250"):
        return "served"
    if said.startswith("421"):
        return "busy"
    return "refused" if said.startswith("5") else "else"


async def visit(given: dict[str, Any], source: str, early: bool, seen: Counter[str], words: Counter[str], times: list[float]) -> None:
    """Be one client and note what became of it."""
    start = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE), Client(given, source) as client:
            said = await (client.early() if early else client.letter())
    except (OSError, TimeoutError) as error:
        said = f"{type(error).__name__}"
    seen[fate(said)] += 1
    words[" ".join(said.split()[:5])] += 1
    times.append(time.monotonic() - start)


async def crowd(given: dict[str, Any]) -> dict[str, Any]:
    """Let bad clients come at their rate, and good ones among them at theirs."""
    bad: Counter[str] = Counter()
    good: Counter[str] = Counter()
    words: Counter[str] = Counter()
    bad_times: list[float] = []
    good_times: list[float] = []
    start, tasks = time.monotonic(), []
    plans = [(given["rate"], given["bad"], given["early"], bad, bad_times), (given["good_rate"], given["good"], False, good, good_times)]
    due = [0.0 for _ in plans]
    count = [0 for _ in plans]
    while (now := time.monotonic() - start) < given["seconds"]:
        for place, (rate, sources, early, seen, times) in enumerate(plans):
            while rate and due[place] <= now:
                source = sources[count[place] % len(sources)]
                tasks.append(asyncio.create_task(visit(given, source, early, seen, words, times)))
                count[place] += 1
                due[place] = count[place] / rate
        await asyncio.sleep(0.005)
    offered = time.monotonic() - start
    await asyncio.gather(*tasks)
    good_times.sort()
    middle = good_times[len(good_times) // 2] if good_times else 0.0
    slowest = good_times[-1] if good_times else 0.0
    return {
        "bad": bad,
        "good": good,
        "words": words,
        "offered": offered,
        "middle": middle,
        "slowest": slowest,
        "wall": time.monotonic() - start,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(crowd(json.loads(sys.argv[1])))))
