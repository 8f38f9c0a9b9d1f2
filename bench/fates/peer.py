"""The peer: the same totals, told as log parsers usually tell them, with a regular expression for each line and one for its text.

It knows only what the generated log holds, keeps no bounds and reads one file; run it as python3 -m bench.fates.peer LOG.
"""

from __future__ import annotations

import collections
import json
import re
import sys

_HEAD = re.compile(rb"^(?P<time>\S+) (?P<host>\S+) (?P<program>[\w./-]+)(?:\[(?P<pid>\d+)\])?: (?P<text>.*)$")
_SCREEN = re.compile(
    rb"^(?:(?P<begin>CONNECT) from (?P<c1>\[\S+\]:\d+) to|(?P<passed>PASS (?:OLD|NEW)|ALLOWLISTED) (?P<c2>\S+)"
    rb"|NOQUEUE: reject: RCPT from (?P<c3>\[\S+\]:\d+): (?P<code>\d{3}) [^;]*; client \S+ blocked using (?P<zone>[^;]+);"
    rb"|(?P<denied>DENYLISTED) (?P<c4>\S+)|DNSBL rank \d+ for (?P<c5>\S+)|PREGREET \d+ after \S+ from (?P<c6>\[\S+\]:\d+):"
    rb"|HANGUP after \S+ from (?P<c7>\[\S+\]:\d+) in tests|DISCONNECT (?P<c8>\S+))"
)
_LISTED = re.compile(rb"^addr (?P<address>\S+) listed by domain (?P<zone>\S+) as (?P<answer>\S+)$")
_SERVER = re.compile(
    rb"^(?:(?P<begin>connect) from (?P<h1>\S+)|(?P<end>disconnect) from \S+(?P<counts>.*)"
    rb"|NOQUEUE: reject: RCPT from \S+: (?P<code>\d{3}) (?P<dsn>\S+) <[^>]*>: (?P<what>[^:]+): (?P<why>[^;]*);"
    rb"|(?P<id>[0-9A-F]+): client=(?P<client>[^,]+)(?:, orig_queue_id=(?P<origin>[0-9A-F]+))?)"
)
_COUNT = re.compile(rb" data=([1-9])")
_QUEUE = re.compile(rb"^(?P<id>[0-9A-F]+): (?:(?P<removed>removed)|from=<(?P<sender>[^>]*)>, size=(?P<size>\d+), nrcpt=(?P<many>\d+))")
_DELIVERY = re.compile(
    rb"^(?P<id>[0-9A-F]+): to=<(?P<to>[^>]*)>, relay=(?P<relay>[^,]+), delay=[^,]+, delays=[^,]+, dsn=(?P<dsn>[^,]+), "
    rb"status=(?P<status>\w+) \((?P<reply>.*)\)$"
)
_FILTER = re.compile(
    rb"^\((?P<task>[^)]+)\) (?P<action>Passed|Blocked) (?P<category>[A-Z-]+?)(?:-\d)?(?: \((?P<names>.*?)\))? \{[^}]*\}, .*?, "
    rb"Queue-ID: (?P<id>[0-9A-F]+), Message-ID: <(?P<letter>[^>]*)>"
)
_NAMES = {b"SPAM": "SPAM", b"BAD-HEADER": "BADHEADER", b"INFECTED": "INFECTED", b"BANNED": "BANNED"}


class Counter:
    """Reads line after line."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.fates: collections.Counter[str] = collections.Counter()
        self.recipients: collections.Counter[str] = collections.Counter()
        self.hours: collections.Counter[tuple[bytes, bytes, str, str]] = collections.Counter()
        self.lists: collections.Counter[bytes] = collections.Counter()
        self.listed: collections.Counter[bytes] = collections.Counter()
        self.viruses: collections.Counter[bytes] = collections.Counter()
        self.banned: collections.Counter[bytes] = collections.Counter()
        self.connections = self.accepted = 0
        # Several exchangers may stand in one log, so everything that is open is known by its machine too.
        self.screens: dict[tuple[bytes, bytes], str] = {}
        #: Who is refused for a list that is counted already.
        self.named: set[tuple[bytes, bytes]] = set()
        self.sessions: dict[tuple[bytes, bytes], str] = {}
        self.roots: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
        self.open: dict[tuple[bytes, bytes], int] = {}
        self.verdicts: dict[tuple[bytes, bytes], str] = {}
        self.hour = self.host = b""

    def read(self, path: str) -> None:
        """Read a log."""
        head = _HEAD.match
        handlers = {
            b"postfix-outside/postscreen": self.screen,
            b"postfix-outside/dnsblog": self.dnsblog,
            b"postfix-outside/smtpd": self.server,
            b"postfix-fixup/smtpd": self.server,
            b"postfix-inside/smtpd": self.server,
            b"postfix-outside/qmgr": self.queue,
            b"postfix-fixup/qmgr": self.queue,
            b"postfix-inside/qmgr": self.queue,
            b"postfix-outside/relay/smtp": self.delivery,
            b"postfix-fixup/smtp": self.delivery,
            b"postfix-inside/mailstore/smtp": self.delivery,
            b"amavis": self.filter,
        }
        with open(path, "rb") as log:  # noqa: PTH123, because this is how such parsers are written
            for line in log:
                found = head(line)
                if found is None:
                    continue
                time, self.host, program, pid, text = found.groups()
                self.hour = time[:13]
                handler = handlers.get(program)
                if handler is not None:
                    handler(text, program, pid)

    def tell(self, fate: str) -> None:
        """Count a fate."""
        self.fates[fate] += 1
        self.hours[self.host, self.hour, "fate", fate] += 1

    def answer(self, fate: str) -> None:
        """Count one recipient."""
        self.recipients[fate] += 1
        self.hours[self.host, self.hour, "recipient", fate] += 1

    def screen(self, text: bytes, _program: bytes, _pid: bytes) -> None:
        """postscreen."""
        found = _SCREEN.match(text)
        if found is None:
            return
        kind = found.lastgroup
        if kind == "c1":
            self.connections += 1
        elif kind == "c8":
            key = (self.host, found["c8"])
            self.tell(self.screens.pop(key, "UNATTRIBUTED"))
            self.named.discard(key)
        elif found["c3"]:
            key = (self.host, found["c3"])
            self.answer("SPAMMER BLOCKED")
            if key not in self.named:
                self.lists[found["zone"]] += 1
                self.named.add(key)
            self.screens[key] = "SPAMMER BLOCKED"
        elif kind in ("c4", "c5"):
            self.screens[self.host, found[kind]] = "SPAMMER BLOCKED"
        elif kind in ("c6", "c7"):
            self.screens.setdefault((self.host, found[kind]), "SPAMMER DISCONNECTED")

    def dnsblog(self, text: bytes, _program: bytes, _pid: bytes) -> None:
        """The lookups."""
        found = _LISTED.match(text)
        if found is not None:
            self.listed[found["zone"]] += 1

    def server(self, text: bytes, program: bytes, pid: bytes) -> None:
        """smtpd of any stage."""
        found = _SERVER.match(text)
        if found is None:
            return
        if found["id"]:
            root = (self.host, found["origin"] or found["id"])
            self.roots[self.host, found["id"]] = root
            self.open[root] = self.open.get(root, 0) + 1
        elif program != b"postfix-outside/smtpd":
            return
        elif found["begin"]:
            self.sessions[self.host, pid] = "NO MAIL OFFERED"
        elif found["what"]:
            fate = "BAD HELO" if found["what"] == b"Helo command rejected" else "INVALID RECIPIENT"
            self.answer(fate)
            self.sessions[self.host, pid] = fate
        elif found["end"]:
            fate = self.sessions.pop((self.host, pid), "UNATTRIBUTED")
            if not _COUNT.search(found["counts"]):
                self.tell(fate)

    def queue(self, text: bytes, program: bytes, _pid: bytes) -> None:
        """qmgr of any stage."""
        found = _QUEUE.match(text)
        if found is None:
            return
        if not found["removed"]:
            self.accepted += program == b"postfix-outside/qmgr"
            return
        root = self.roots.pop((self.host, found["id"]), (b"", b""))
        left = self.open.get(root, 0) - 1
        if left > 0:
            self.open[root] = left
            return
        self.open.pop(root, None)
        self.tell(self.verdicts.pop(root, "UNATTRIBUTED"))

    def delivery(self, text: bytes, program: bytes, _pid: bytes) -> None:
        """smtp of any stage."""
        found = _DELIVERY.match(text)
        if found is None:
            return
        root = self.roots.get((self.host, found["id"]), (b"", b""))
        status = found["status"]
        if status == b"bounced":
            self.verdicts.setdefault(root, "BOUNCED")
        elif status == b"sent" and program == b"postfix-inside/mailstore/smtp":
            self.answer("DELIVERED")
            self.verdicts.setdefault(root, "OK")

    def filter(self, text: bytes, _program: bytes, _pid: bytes) -> None:
        """amavis."""
        found = _FILTER.match(text)
        if found is None or found["action"] == b"Passed":
            return
        self.verdicts[self.host, found["id"]] = _NAMES[found["category"]]
        if found["category"] == b"INFECTED":
            self.viruses[found["names"]] += 1
        elif found["category"] == b"BANNED":
            self.banned[next(part for part in found["names"].split(b",") if part.startswith(b"."))] += 1


def main() -> int:
    """Print the totals as JSON."""
    counter = Counter()
    counter.read(sys.argv[1])
    tops = {"viruses": counter.viruses, "lists": counter.lists, "listed": counter.listed, "banned": counter.banned}
    told = {"fates": counter.fates, "recipients": counter.recipients, "connections": counter.connections, "accepted": counter.accepted}
    print(json.dumps(told | {name: {key.decode(): count for key, count in found.items()} for name, found in tops.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
