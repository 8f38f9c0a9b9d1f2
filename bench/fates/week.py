"""Write an exchanger's log with the fates of the talk's week in their proportions: always the same bytes for the same number.

The lines are those of the lab's exchangers (Postfix 3.10, amavisd-new 2.13), with their names and numbers made up.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

#: The talk's slide: 2,062,591 fates in seven days.
TALK = {
    "SPAMMER BLOCKED": 1_278_167,
    "OK": 414_707,
    "SPAMMER DISCONNECTED": 210_188,
    "INVALID RECIPIENT": 61_624,
    "SPAM": 50_083,
    "BADHEADER": 27_597,
    "INFECTED": 11_020,
    "BAD HELO": 8_827,
    "BANNED": 378,
}
WEEK = 7 * 86400
_BEGIN = datetime(2012, 11, 5, tzinfo=UTC)
_HOST = "mx1"
_ME = "127.0.0.1[127.0.0.1]"
_LISTS = ("zen.spamhaus.example", "bl.spamcop.example", "psbl.surriel.example", "b.barracuda.example")
_VIRUSES = (
    "MBL_303159",
    "Email.Trojan-234",
    "Email.Trojan.G2C",
    "Suspect.Bredozip-zippwd-2",
    "winnow.malware.ts.jscript.4",
    "Eicar-Test-Signature",
)
_BANNED = (".exe,.exe-ms,invoice.exe", "application/octet-stream,.exe,.exe-ms,photo.scr", ".zip,.exe,letter.com")
_TLS = (
    "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange x25519 server-signature ECDSA (prime256v1) server-digest SHA256"
)
_FILTERED = {"OK", "SPAM", "BADHEADER", "INFECTED", "BANNED"}

Step = tuple[float, str, int, str]


def write(path: Path, share: float) -> dict[str, int]:
    """Write the log of this share of the week's fates, over as long a part of the week. Returns the fates it holds."""
    counts = {fate: max(1, round(count * share)) for fate, count in TALK.items()}
    chance = random.Random(2012)
    fates = [fate for fate, count in counts.items() for _ in range(count)]
    chance.shuffle(fates)
    seconds = WEEK * share
    writer = Writer(chance)
    buckets: dict[int, list[str]] = {}
    done = 0
    with path.open("w", encoding="ascii", buffering=1 << 20) as out:
        for number, fate in enumerate(fates):
            begin = seconds * number / len(fates)
            for after, program, pid, text in writer.session(fate, begin):
                second = int(begin + after)
                line = f"{_HOST} postfix-{program}[{pid}]: {text}\n" if program != "amavis" else f"{_HOST} amavis[{pid}]: {text}\n"
                bucket = buckets.get(second)
                if bucket is None:
                    bucket = buckets[second] = []
                bucket.append(line)
            while done < int(begin):
                _flush(out.write, done, buckets.pop(done, ()))
                done += 1
        for second in sorted(buckets):
            _flush(out.write, second, buckets[second])
    return counts


def _flush(write_out: object, second: int, lines: list[str] | tuple[str, ...]) -> None:
    if lines:
        stamp = (_BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S+00:00 ")
        write_out(stamp + stamp.join(lines))  # type: ignore[operator]


class Writer:
    """Makes the lines of one connection after the other."""

    def __init__(self, chance: random.Random) -> None:
        """chance: decides everything that is made up."""
        self._chance = chance
        #: Server processes and when each is free again: a process serves one connection at a time.
        self._servers: list[tuple[float, int]] = [(0.0, 2300 + number) for number in range(40)]
        self._ids = 0
        #: The filter's processes, and how many messages each has judged: it is replaced after fifty.
        self._filters = [[3000 + number, number * 5] for number in range(10)]

    def session(self, fate: str, begin: float) -> Iterator[Step]:
        """Yield the lines of a connection: seconds after its begin, program, process, text."""
        chance = self._chance
        address = f"{chance.randrange(1, 223)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        port = chance.randrange(1025, 65535)
        client = f"[{address}]:{port}"
        yield 0, "outside/postscreen", 2274, f"CONNECT from {client} to [198.51.100.31]:25"
        if fate == "SPAMMER BLOCKED":
            yield from self._blocked(address, client)
        elif fate == "SPAMMER DISCONNECTED":
            yield from self._disconnected(client)
        else:
            yield from self._served(fate, begin, address, port)

    def _blocked(self, address: str, client: str) -> Iterator[Step]:
        chance = self._chance
        if chance.random() < 0.05:
            yield 0, "outside/postscreen", 2274, f"DENYLISTED {client}"
            yield 0, "outside/postscreen", 2274, f"DISCONNECT {client}"
            return
        zones = chance.sample(_LISTS, 1 + (chance.random() < 0.4))
        for zone in zones:
            yield (
                0.1,
                "outside/dnsblog",
                2280 + chance.randrange(8),
                f"addr {address} listed by domain {zone} as 127.0.0.{chance.randrange(2, 12)}",
            )
        yield 6, "outside/postscreen", 2274, f"DNSBL rank {2 * len(zones)} for {client}"
        if chance.random() < 0.15:
            yield 6.5, "outside/postscreen", 2274, f"HANGUP after 0.5 from {client} in tests after SMTP handshake"
        else:
            refused = f"550 5.7.1 Service unavailable; client [{address}] blocked using {zones[0]}"
            envelope = f"from=<{self._someone()}>, to=<{self._word(7)}@madstop.test>, proto=ESMTP, helo=<{self._word(11)}>"
            for _ in range(1 + (chance.random() < 0.2)):
                yield 7, "outside/postscreen", 2274, f"NOQUEUE: reject: RCPT from {client}: {refused}; {envelope}"
        yield 8, "outside/postscreen", 2274, f"DISCONNECT {client}"

    def _disconnected(self, client: str) -> Iterator[Step]:
        if self._chance.random() < 0.6:
            yield 0, "outside/postscreen", 2274, f"PREGREET 24 after 0.2 from {client}: EHLO {self._word(8)}.example\\r\\n"
        else:
            yield 3, "outside/postscreen", 2274, f"HANGUP after 3 from {client} in tests before SMTP handshake"
        yield 3, "outside/postscreen", 2274, f"DISCONNECT {client}"

    def _served(self, fate: str, begin: float, address: str, port: int) -> Iterator[Step]:
        chance = self._chance
        new = chance.random() < 0.3
        after = 6.0 if new else 0.0
        yield after, "outside/postscreen", 2274, f"PASS {'NEW' if new else 'OLD'} [{address}]:{port}"
        free, pid = heapq.heappop(self._servers)
        if free > begin + after:  # all are busy: one more is started
            heapq.heappush(self._servers, (free, pid))
            pid = 2400 + len(self._servers)
        heapq.heappush(self._servers, (begin + after + 3, pid))
        host = f"mail.{self._word(9)}.example[{address}]" if chance.random() < 0.8 else f"unknown[{address}]"
        yield after, "outside/smtpd", pid, f"connect from {host}"
        envelope = f"from=<{self._someone()}> to=<{self._word(7)}@madstop.test> proto=ESMTP helo=<{self._word(9)}.example>"
        if fate == "INVALID RECIPIENT":
            number = 1 + int(chance.random() < 0.2)
            reason = "Recipient address rejected: Sorry, no mailbox here by that name."
            for _ in range(number):
                answer = f"550 5.1.1 <{self._word(7)}@madstop.test>: {reason}; {envelope}"
                yield after + 1, "outside/smtpd", pid, f"NOQUEUE: reject: RCPT from {host}: {answer}"
            yield after + 1, "outside/smtpd", pid, f"disconnect from {host} ehlo=1 mail=1 rcpt=0/{number} quit=1 commands=3/{3 + number}"
        elif fate == "BAD HELO":
            answer = f"554 5.7.1 <{self._word(5)}>: Helo command rejected: Sorry, your HELO host name has been denied; {envelope}"
            yield after + 1, "outside/smtpd", pid, f"NOQUEUE: reject: RCPT from {host}: {answer}"
            yield after + 1, "outside/smtpd", pid, f"disconnect from {host} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4"
        else:
            yield from self._message(fate, after, pid, host, address, port)

    def _message(self, fate: str, after: float, pid: int, host: str, address: str, port: int) -> Iterator[Step]:
        chance = self._chance
        first, second = self._queue_id(), self._queue_id()
        letter = f"<{self._word(16)}@{self._word(9)}.example>"
        sender = self._someone()
        people = [f"{self._word(7)}@madstop.test" for _ in range(1 + (chance.random() < 0.1))]
        size, many = chance.randrange(900, 90_000), len(people)
        if chance.random() < 0.7:
            yield after, "outside/smtpd", pid, f"Anonymous TLS connection established from {host}: {_TLS}"
        yield after, "outside/smtpd", pid, f"{first}: client={host}"
        yield after, "outside/cleanup", 2284, f"{first}: message-id={letter}"
        yield after, "outside/qmgr", 1632, f"{first}: from=<{sender}>, size={size}, nrcpt={many} (queue active)"
        yield after, "outside/smtpd", pid, f"disconnect from {host} ehlo=1 mail=1 rcpt={many} data=1 quit=1 commands={4 + many}"
        yield from self._hop("fixup", second, f", orig_queue_id={first}, orig_client={host}", letter, sender, size + 190, many, after)
        for person in people:
            yield after, "outside/relay/smtp", 2288, self._sent(first, person, f"{_ME}:10023", f"250 2.0.0 Ok: queued as {second}")
        yield after, "outside/qmgr", 1632, f"{first}: removed"
        after += 2
        task, process = self._task()
        about = f"[{address}]:{port} [{address}] <{sender}> -> {','.join(f'<{person}>' for person in people)}"
        told = f"Queue-ID: {first}, Message-ID: {letter}, mail_id: {self._word(12)}"
        if fate == "OK":
            third = self._queue_id()
            yield from self._hop("inside", third, f", orig_queue_id={first}, orig_client={host}", letter, sender, size + 700, many, after)
            text = f"({task}) Passed CLEAN {{RelayedInbound}}, {about}, {told}, Hits: -1.9, size: {size}, queued_as: {third}, 810 ms"
            yield after, "amavis", process, text
            reply = f"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {third}"
            yield from self._handed(second, people, reply, after)
            store = chance.choice(("hermes", "helios"))
            relay = f"{store}.madstop.test[10.143.0.2{1 if store == 'hermes' else 2}]"
            yield after, "inside/mailstore/smtp", 2302, f"Verified TLS connection established to {relay}:25: {_TLS}"
            for person in people:
                yield (
                    after,
                    "inside/mailstore/smtp",
                    2302,
                    self._sent(third, person, f"{relay}:25", f"250 2.0.0 Ok: queued as {self._queue_id()}"),
                )
            yield after, "inside/qmgr", 1650, f"{third}: removed"
            return
        virus, kind = chance.choice(_VIRUSES), chance.choice(_BANNED)
        verdict, reason = {
            "SPAM": ("SPAM", "spam"),
            "BADHEADER": ("BAD-HEADER-7", "BAD HEADER"),
            "INFECTED": (f"INFECTED ({virus})", f"INFECTED: {virus}"),
            "BANNED": (f"BANNED ({kind})", f"BANNED: {kind}"),
        }[fate]
        kept = f"{{DiscardedInbound,Quarantined}}, {about}, quarantine: {self._word(12)}"
        text = f"({task}) Blocked {verdict} {kept}, {told}, Hits: -, size: {size}, 95 ms"
        yield after, "amavis", process, text
        yield from self._handed(second, people, f"250 2.7.0 Ok, discarded, id={task} - {reason}", after)

    def _hop(self, stage: str, queue_id: str, origin: str, letter: str, sender: str, size: int, many: int, after: float) -> Iterator[Step]:
        pid = 2289 + self._chance.randrange(6)
        yield after, f"{stage}/smtpd", pid, "connect from localhost[127.0.0.1]"
        yield after, f"{stage}/smtpd", pid, f"{queue_id}: client=localhost[127.0.0.1]{origin}"
        yield after, f"{stage}/cleanup", 2291, f"{queue_id}: message-id={letter}"
        yield (
            after,
            f"{stage}/smtpd",
            pid,
            f"disconnect from localhost[127.0.0.1] ehlo=1 xforward=2 mail=1 rcpt={many} data=1 quit=1 commands={6 + many}",
        )
        yield after, f"{stage}/qmgr", 1640, f"{queue_id}: from=<{sender}>, size={size}, nrcpt={many} (queue active)"

    def _handed(self, queue_id: str, people: list[str], reply: str, after: float) -> Iterator[Step]:
        for person in people:
            yield after, "fixup/smtp", 2299, self._sent(queue_id, person, f"{_ME}:10024", reply)
        yield after, "fixup/qmgr", 1641, f"{queue_id}: removed"

    def _sent(self, queue_id: str, person: str, relay: str, reply: str) -> str:
        return f"{queue_id}: to=<{person}>, relay={relay}, delay=0.05, delays=0.01/0/0.01/0.03, dsn=2.0.0, status=sent ({reply})"

    def _task(self) -> tuple[str, int]:
        judge = self._chance.choice(self._filters)
        judge[1] += 1
        if judge[1] > 50:
            judge[:] = [max(pid for pid, _ in self._filters) + 1, 1]
        return f"{judge[0]:05}-{judge[1]:02}", judge[0]

    def _queue_id(self) -> str:
        """A time of day in microseconds and an inode; never the same one twice while it is in use."""
        self._ids += 1
        return f"{self._ids * 7919 % 1_000_000:05X}26E{self._ids % 0x1000:03X}"

    def _someone(self) -> str:
        return f"{self._word(8)}@{self._word(9)}.example"

    def _word(self, length: int) -> str:
        return f"{self._chance.getrandbits(length * 5):032x}"[-length:]
