"""The book in which every connection and every message is entered, and the reading of blocks into it."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable

from . import kinds
from .connections import Postscreen
from .export import value
from .machine import Machine, Reader
from .messages import leave
from .postal import Post
from .sessions import Session

#: Names of the instances at which the world's mail comes in.
ENTRIES = ("postfix-outside",)
#: Machines and programs that are told apart; a log of more is not a log of ours.
_MACHINES = 1000
_PROGRAMS = 20_000


def _hour(entry: bytes) -> int:
    """Return the hour since 1970 of the first entry, 0 when it has none."""
    digits = value(b"\n" + entry[:4096], b"\n__REALTIME_TIMESTAMP=")[:-6]
    return int(digits) // 3600 if digits.isdigit() and len(digits) < 12 else 0


#: How the servers of ports 587 and 465 are called behind their instance's name.
_SUBMISSION = (b"submission/smtpd", b"submissions/smtpd", b"smtps/smtpd")
_DELIVERIES = ("smtp", "lmtp", "local", "virtual", "pipe", "error", "discard", "retry")


class Book:
    """Everything that was read so far."""

    def __init__(self, entries: Iterable[str] = ENTRIES, submission: Iterable[str] = ()) -> None:
        """entries: syslog names of the instances that face the world. submission: first labels of machines where people hand in letters.

        Those are also known by a server of port 465 or 587.
        """
        self.entries = {name.encode() for name in entries}
        self.submission = {name.partition(".")[0].encode() for name in submission}
        self.machines: dict[bytes, Machine] = {}
        self.peers: dict[bytes, Machine] = {}
        self.lines = 0
        self.odd = 0
        self._posts: dict[bytes, Post] = {}
        self._screens: dict[bytes, Postscreen] = {}
        self._sessions: dict[tuple[bytes, bytes], Session] = {}
        #: What reads the lines of each process heard in this hour, by " MACHINE PROGRAM[PID", and the machines of these.
        self._readers: dict[bytes, Reader | None] = {}
        self._heard: set[Machine] = set()
        self._hour = b"unknown"
        self._hour_end = 0
        self._hour_of_end = b""

    # Reading

    def text(self, block: bytes) -> None:
        """Read whole lines, each "TIME HOST PROGRAM[PID]: TEXT" with the time in ISO 8601."""
        if not block:
            return
        last = block.rfind(b"\n", 0, len(block) - 1) + 1
        stamp = block.find(b" ")
        if last and (block[:13] != block[last : last + 13] or stamp != block.find(b" ", last) - last):
            # Halves until each has one hour only, and times of one length: then no line's time needs to be looked at.
            middle = block.find(b"\n", len(block) // 2) + 1
            if middle in (0, len(block)):
                middle = last
            self.text(block[:middle])
            self.text(block[middle:])
            return
        if block[:1] == b"2" and block[10:11] == b"T":
            self._at(block[:13])
        # In Python 3.11 twice as fast as block.split(b"\n"), and lines keep their ends.
        lines = io.BytesIO(block).readlines()
        self.lines += len(lines)
        self._read(lines, stamp)
        self._end_block()

    def _read(self, lines: list[bytes], stamp: int) -> None:
        """Read the lines of one hour, whose times have this length. This loop is what reading costs: a third of the time is spent in it.

        "MACHINE PROGRAM[PID" is looked up as one word, so that a line is cut once.
        """
        readers = self._readers
        for line in lines:
            head, _, text = line.partition(b"]: ")
            try:
                reader = readers[head[stamp:]]
            except KeyError:
                self._unknown(line, head[stamp:])
                continue
            if reader is not None:
                reader(text)

    def _unknown(self, line: bytes, key: bytes) -> None:
        """Read a line of a process that was not heard in this hour so far, or one that has no process."""
        try:
            _, named, program, text = line.split(b" ", 3)
        except ValueError:
            self.odd += line != b"\n"
            return
        reader = self._reader(self._hear(named), program.partition(b"[")[0].rstrip(b":"), program)
        if key == b" " + named + b" " + program[:-2] and program[-2:] == b"]:":
            self._remember(key, reader)
        if reader is not None:
            reader(text)

    def journal(self, block: bytes) -> None:
        """Read whole entries of a journal's export, cut by ``export.Cutter``."""
        last = block.rfind(b"\n\n", 0, len(block) - 2) + 2
        first_hour, last_hour = _hour(block), _hour(block[last:]) if last > 1 else None
        if last_hour is not None and first_hour != last_hour:
            middle = block.find(b"\n\n", len(block) // 2) + 2
            if middle in (1, len(block)):
                middle = last
            self.journal(block[:middle])
            self.journal(block[middle:])
            return
        if first_hour:
            self._at(self._named_hour(first_hour))
        readers = self._readers
        entries = block.split(b"\n\n")
        for entry in entries:
            program = value(entry, b"\nSYSLOG_IDENTIFIER=")
            if not program:
                self.odd += b"\nMESSAGE=" not in entry and entry.strip() != b""
                continue
            named = value(entry, b"\n_HOSTNAME=")
            process = program + b"[" + (value(entry, b"\nSYSLOG_PID=") or value(entry, b"\n_PID="))
            key = b" " + named + b" " + process
            try:
                reader = readers[key]
            except KeyError:
                reader = self._reader(self._hear(named), program, process + b"]:")
                self._remember(key, reader)
            if reader is not None:
                reader(value(entry, b"\nMESSAGE=") + b"\n")
        self.lines += len(entries) - (not entries[-1].strip())
        self._end_block()

    def _at(self, hour: bytes) -> None:
        """Read lines of this hour from now on: each machine counts under it once it is heard."""
        if hour != self._hour:
            self._hour = hour
            self._readers.clear()
            self._heard.clear()

    def _end_block(self) -> None:
        """Read what was collected, and keep what is open bounded."""
        for screen in self._screens.values():
            screen.read()
        for machine in self._heard:
            machine.bound()

    def introduce(self, block: bytes, export: bool) -> None:
        """Hear of the machines and programs of a block before it is read: who hands mail to whom must be known beforehand."""
        if export:
            for entry in block.split(b"\n\n"):
                if program := value(entry, b"\nSYSLOG_IDENTIFIER="):
                    self._reader(self._machine(value(entry, b"\n_HOSTNAME=")), program, program)
            return
        for line in block.split(b"\n"):
            parts = line.split(b" ", 3)
            if len(parts) == 4:
                self._reader(self._machine(parts[1]), parts[2].partition(b"[")[0], parts[2])

    def _named_hour(self, hour: int) -> bytes:
        """Return an hour since 1970 as it is written here."""
        if hour != self._hour_end:
            self._hour_end = hour
            self._hour_of_end = time.strftime("%Y-%m-%dT%H", time.localtime(hour * 3600)).encode()
        return self._hour_of_end

    def _machine(self, name: bytes) -> Machine:
        machine = self.machines.get(name)
        if machine is None:
            if len(self.machines) >= _MACHINES:
                name = b"(others)"
            machine = self.machines.setdefault(name, Machine(name[:200], self.peers))
            machine.submission |= machine.label in self.submission
            self._posts.setdefault(name, Post(machine))
        return machine

    def _hear(self, name: bytes) -> Machine:
        """Return the machine of a line, ready to count under this hour."""
        machine = self._machine(name)
        if machine not in self._heard:
            self._heard.add(machine)
            machine.at(self._hour)
        return machine

    def _remember(self, key: bytes, reader: Reader | None) -> None:
        """Note what reads the lines of a process, until the hour is over."""
        if len(self._readers) >= _PROGRAMS:
            self._readers.clear()
        self._readers[key] = reader

    def _reader(self, machine: Machine, name: bytes, program: bytes) -> Reader | None:
        """Return what reads the lines of a program's process."""
        instance, _, rest = name.partition(b"/")
        daemon = rest.rpartition(b"/")[2].decode("ascii", "replace")
        post = self._posts[machine.name] if machine.name in self._posts else self._posts[b"(others)"]
        if name == b"amavis":
            return post.amavis
        if name == b"opendkim":
            return post.signer
        entry = instance in self.entries
        if not rest or not (entry or instance.startswith(b"postfix")):
            return None
        self.peers.setdefault(machine.label, machine)
        if entry:
            machine.entry = True
            if daemon in ("postscreen", "dnsblog"):
                screen = self._screens.setdefault(machine.name, Postscreen(machine))
                return screen.lines.append if daemon == "postscreen" else screen.lookups.append
            if daemon == "smtpd":
                machine.submission |= rest in _SUBMISSION
                return self._sessions.setdefault((machine.name, program), Session(machine)).line
        table: dict[str, Reader] = {
            "qmgr": post.entry_qmgr if entry else post.qmgr,
            "smtpd": post.smtpd,
            "cleanup": post.cleanup,
            "pickup": post.pickup,
            "bounce": post.bounce,
            "postsuper": post.postsuper,
        }
        return table.get(daemon) or (post.delivery if daemon in _DELIVERIES else None)

    # The end

    def close(self) -> None:
        """The logs end: settle whatever is open."""
        for session in self._sessions.values():
            session.finish()
        for screen in self._screens.values():
            screen.finish()
        machines = list(self.machines.values())
        for machine in machines:
            for queue_id, message in list(machine.expected.items()):
                leave(machine, queue_id, message)
            machine.expected.clear()
            for message in machine.landed.values():
                message.settle()
            machine.landed.clear()
        seen = set()
        for machine in machines:
            for message in list(machine.queue.values()):
                if id(message) not in seen:
                    seen.add(id(message))
                    message.settle()
            machine.queue.clear()
        for machine in machines:
            self._balance(machine)

    def _balance(self, machine: Machine) -> None:
        """Enter the connections whose end neither the screening daemon nor the server behind it tells."""
        missing = machine.connects - machine.screened - machine.sessions
        if missing <= 0:
            return
        # PASS is not logged for each one (postscreen is silent about a client's second connection at the same time).
        lost = min(missing, max(0, machine.passes - machine.sessions))
        machine.now[kinds.UNATTRIBUTED_CONNECTION] += lost
        machine.now[kinds.UNFINISHED] += missing - lost
        if lost:
            machine.tops.reasons.add(b"connection: passed the screening, and the server tells nothing of it", lost)

    def begun(self) -> dict[str, tuple[int, int]]:
        """Return what must be the sum of the fates of each unit, counted by other lines than the fates: seen to begin, and unseen."""
        found = dict.fromkeys((kinds.CONNECTION, kinds.MESSAGE, kinds.OWN), (0, 0))
        for machine in self.machines.values():
            came = machine.screened + machine.sessions
            seen = machine.connects
            if machine.submission:  # port 25 may have a screening daemon, whose line comes first; the others have none
                seen = machine.greeted + min(machine.screened, machine.connects)
            units = kinds.HANDED_IN if machine.submission else {}
            for unit, begun, unseen in (
                (kinds.CONNECTION, seen, max(0, came - seen)),
                (kinds.MESSAGE, machine.accepted, machine.before),
                (kinds.OWN, machine.own, 0),
            ):
                name = units.get(unit, unit)
                so_far = found.get(name, (0, 0))
                found[name] = (so_far[0] + begun, so_far[1] + unseen)
        return found
