"""Find the lines of one message on all machines: its queue ids name each other from stage to stage."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .export import value
from .sources import Source

#: Messages that one search may lead to; of more, the last ones are kept.
MOST = 50
_HOPS = 12
_QUEUE_ID = re.compile(rb"^([0-9A-F]{6,}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]+): ")
_OTHER_IDS = re.compile(rb"(?:orig_queue_id=|queued as |Queue-ID: |queued_as: |notification: )([0-9A-Za-z]{6,})")
_MESSAGE_ID = re.compile(rb"(?:message-id=|Message-ID: |msgid=)<([^>]{1,500})>")
#: The instance in which a mailstore's copies for the backup wait: they have the Message-ID of what they copy, and are no mail of their own.
COPIES = b"postfix-copies/"
_CLIENT = re.compile(rb": client=[^\[ ]*\[([0-9A-Fa-f.:]+)\]")


@dataclass(slots=True, order=True)
class Line:
    """One line of a log. Lines sort by time; ``depth`` (how many hops from the front door) decides within a second."""

    time: float
    depth: int
    number: int
    machine: bytes = field(compare=False)
    program: bytes = field(compare=False)
    pid: bytes = field(compare=False)
    text: bytes = field(compare=False)

    @property
    def stamp(self) -> str:
        """The time for people, in the zone of this machine; with milliseconds when the log has them."""
        whole = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.time))
        part = round(self.time % 1 * 1000)
        return f"{whole}.{min(part, 999):03}" if part else whole

    @property
    def copy(self) -> bool:
        """Whether it is about a copy for the backup."""
        return self.program.startswith(COPIES)

    def ids(self) -> list[bytes]:
        """Return the queue ids that the line names, its own first."""
        if self.copy or not self.program.startswith((b"postfix", b"amavis")):
            return []
        own = _QUEUE_ID.match(self.text)
        return ([own[1]] if own else []) + _OTHER_IDS.findall(self.text)


Wanted = Callable[[bytes], bool]


class Logs:
    """Logs that can be read several times: what comes from a pipe is kept in a temporary file."""

    def __init__(self, sources: Sequence[Source], reopen: Callable[[str], Source]) -> None:
        """reopen: opens a file by its name again. Raises SourceError."""
        self._files: list[str] = []
        self._kept: list[tempfile._TemporaryFileWrapper[bytes]] = []
        self._reopen = reopen
        for source in sources:
            if source.size:
                self._files.append(source.name)
                source.close()
                continue
            kept = tempfile.NamedTemporaryFile(prefix="fates-")  # noqa: SIM115, because it lives as long as these logs
            self._kept.append(kept)
            for _, block in source.blocks():
                kept.write(block)
            kept.flush()
            source.close()
            if kept.tell():
                self._files.append(kept.name)

    def close(self) -> None:
        """Remove what was kept."""
        for kept in self._kept:
            kept.close()

    def lines(self, wanted: Wanted) -> Iterator[Line]:
        """Yield the lines for which ``wanted`` holds; it is asked for whole blocks first. Raises SourceError."""
        for at, name in enumerate(self._files):
            source = self._reopen(name)
            for turn, (_, block) in enumerate(source.blocks()):
                if not wanted(block):
                    continue
                # A line keeps its number in every search.
                for number, raw in enumerate(block.split(b"\n\n" if source.export else b"\n"), (at << 56) + (turn << 24)):
                    if wanted(raw) and (line := (_entry if source.export else _text)(raw, number)):
                        yield line
            source.close()


def _text(raw: bytes, number: int) -> Line | None:
    parts = raw.split(b" ", 3)
    if len(parts) < 4:
        return None
    try:
        when = datetime.fromisoformat(parts[0].decode("ascii")).timestamp()
    except ValueError:
        return None
    program, _, pid = parts[2].rstrip(b":").partition(b"[")
    return Line(when, 0, number, parts[1], program, pid.rstrip(b"]"), parts[3])


def _entry(raw: bytes, number: int) -> Line | None:
    raw = b"\n" + raw
    digits = value(raw, b"\n__REALTIME_TIMESTAMP=")
    if not digits.isdigit():
        return None
    pid = value(raw, b"\nSYSLOG_PID=") or value(raw, b"\n_PID=")
    program = value(raw, b"\nSYSLOG_IDENTIFIER=")
    return Line(int(digits[:18]) / 1e6, 0, number, value(raw, b"\n_HOSTNAME="), program, pid, value(raw, b"\nMESSAGE="))


@dataclass(slots=True)
class Journey:
    """The lines of one message, from its first queue id."""

    ids: set[bytes] = field(default_factory=set)
    lines: dict[int, Line] = field(default_factory=dict)

    def ordered(self) -> list[Line]:
        """Return the lines in the order in which they happened."""
        return sorted(self.lines.values())


def follow(logs: Logs, what: bytes) -> tuple[list[Journey], list[Line]]:
    """Return the journeys of the messages that ``what`` names, and lines that name it without a message (refusals)."""
    found = list(logs.lines(lambda raw: what in raw))
    journeys: list[Journey] = []
    for line in found:
        ids = line.ids()
        if ids:
            _join(journeys, set(ids), line)
    journeys = journeys[-MOST:]
    for _ in range(_HOPS):
        known = set().union(*(journey.ids for journey in journeys))
        _hop(logs, journeys)
        if known == set().union(*(journey.ids for journey in journeys)):
            break
    _join_equal(journeys)
    for journey in journeys:
        _deliveries(logs, journey)
        _connection(logs, journey)
        _depths(journey)
    lines = {line.number for journey in journeys for line in journey.lines.values()}
    return journeys, [line for line in found if line.number not in lines and line.program.startswith((b"postfix", b"amavis", b"dovecot"))]


def _join(journeys: list[Journey], ids: set[bytes], line: Line) -> None:
    journey = next((known for known in journeys if known.ids & ids), None)
    if journey is None:
        journey = Journey()
        journeys.append(journey)
    journey.ids |= ids
    journey.lines[line.number] = line


def _hop(logs: Logs, journeys: list[Journey]) -> None:
    """Take the lines that name a known queue id; they may name the next ones."""
    owner = {queue_id: journey for journey in journeys for queue_id in journey.ids}
    if not owner:
        return
    names = re.compile(b"|".join(map(re.escape, owner)))
    for line in logs.lines(lambda raw: names.search(raw) is not None):
        ids = line.ids()
        journey = next((owner[queue_id] for queue_id in ids if queue_id in owner), None)
        if journey is not None:
            journey.lines[line.number] = line
            journey.ids.update(ids)


def _join_equal(journeys: list[Journey]) -> None:
    """Make one of journeys that met."""
    for number, journey in enumerate(journeys):
        for other in journeys[number + 1 :]:
            if journey.ids & other.ids:
                other.ids |= journey.ids
                other.lines |= journey.lines
                journey.ids, journey.lines = set(), {}
                break
    journeys[:] = [journey for journey in journeys if journey.lines]


def _deliveries(logs: Logs, journey: Journey) -> None:
    """Add what the mailstore's delivery agent says, and the way of the copy it makes: they know the Message-ID, not the queue id."""
    names = {match[1] for line in journey.lines.values() if (match := _MESSAGE_ID.search(line.text))}
    copies: set[tuple[bytes, bytes]] = set()
    for name in list(names)[:4]:
        for line in logs.lines(lambda raw, name=name: b"id=<" + name in raw):  # type: ignore[misc]
            if line.program.startswith(b"dovecot"):
                journey.lines.setdefault(line.number, line)
            elif line.copy and (own := _QUEUE_ID.match(line.text)):
                copies.add((line.machine, own[1]))
    if copies:
        own_ids = re.compile(b"|".join(queue_id + b": " for _, queue_id in copies))
        for line in logs.lines(lambda raw: own_ids.search(raw) is not None):
            if line.copy and (own := _QUEUE_ID.match(line.text)) and (line.machine, own[1]) in copies:
                journey.lines.setdefault(line.number, line)


def _connection(logs: Logs, journey: Journey) -> None:
    """Add the connection that brought it: its server process between connect and disconnect, and the screening before that."""
    first = next((line for line in journey.ordered() if b"postscreen" not in line.program and _CLIENT.search(line.text)), None)
    if first is None or (match := _CLIENT.search(first.text)) is None:
        return
    address = b"[" + match[1] + b"]"
    instance = first.program.partition(b"/")[0]
    near: list[Line] = []
    for line in logs.lines(lambda raw: address in raw or (b" addr " + match[1] + b" listed") in b" " + raw):
        here = line.machine == first.machine and line.program.startswith(instance) and abs(line.time - first.time) < 7200
        if here and (line.pid == first.pid or line.program.endswith((b"/postscreen", b"/dnsblog"))):
            near.append(line)
    server = [line for line in near if line.pid == first.pid and line.program == first.program]
    begin = max(
        (line.number for line in server if line.number < first.number and line.text.startswith(b"connect from")), default=first.number
    )
    end = min(
        (line.number for line in server if line.number > first.number and line.text.startswith(b"disconnect from")), default=first.number
    )
    screen = [line for line in near if b"/postscreen" in line.program and line.number < begin]
    start = next((line for line in reversed(screen) if line.text.startswith(b"CONNECT ")), None)
    for line in near:
        process = line in server and begin <= line.number <= end and not _QUEUE_ID.match(line.text)
        screened = start is not None and start.number <= line.number < begin and line not in server and _same(start, line)
        if process or screened:
            journey.lines.setdefault(line.number, line)


def _same(start: Line, line: Line) -> bool:
    """Tell whether a line is about the client and port of this CONNECT line, or of a list that names the client."""
    client = start.text[13:].partition(b" ")[0]
    return client in line.text or line.program.endswith(b"/dnsblog")


def _depths(journey: Journey) -> None:
    """Number the hops, so that lines of one second stand in the order of the stages."""
    depth: dict[bytes, int] = {}
    for line in sorted(journey.lines.values(), key=lambda line: line.number):
        ids = line.ids()
        if ids and b"queued as" in line.text and len(ids) > 1:
            depth[ids[1]] = max(depth.get(ids[1], 0), depth.get(ids[0], 0) + 1)
    for line in journey.lines.values():
        ids = line.ids()
        line.depth = depth.get(ids[0], 0) if ids else 100 if line.copy else 99 if line.program.startswith(b"dovecot") else -1
