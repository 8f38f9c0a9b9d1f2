"""What is known of one machine while its log is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .kinds import BLOCKED, LISTED, MOVED, SLOTS
from .messages import LANDED, MOST, Message, leave
from .tallies import Tally

#: Takes the text of a line, what follows "PROGRAM[PID]: ", with its end.
Reader = Callable[[bytes], None]


@dataclass(slots=True)
class Tops:
    """What is counted beside the fates."""

    viruses: Tally = field(default_factory=Tally)
    #: Connections refused for a DNS list, and addresses that a list named.
    lists: Tally = field(default_factory=Tally)
    listed: Tally = field(default_factory=Tally)
    banned: Tally = field(default_factory=Tally)
    #: Mail that passed the filter although it was not clean.
    marks: Tally = field(default_factory=Tally)
    #: Signatures that were added to letters, by domain and selector.
    signed: Tally = field(default_factory=Tally)
    #: Why something is unattributed.
    reasons: Tally = field(default_factory=Tally)


@dataclass(slots=True, eq=False)
class Machine:
    """Counters and open state of one machine; ``now`` is the list of counters of the hour that is read."""

    name: bytes
    peers: dict[bytes, Machine]
    tops: Tops = field(default_factory=Tops)
    hours: dict[bytes, list[int]] = field(default_factory=dict)
    now: list[int] = field(default_factory=lambda: [0] * (SLOTS + 1))
    # Connections
    connects: int = 0
    passes: int = 0
    sessions: int = 0
    #: Sessions whose beginning was seen: what there is to count where not each connection is screened.
    greeted: int = 0
    screened: int = 0
    screens: dict[bytes, int] = field(default_factory=dict)
    # Messages: by queue id, whatever the instance (an id is a time and an inode, postconf(5) enable_long_queue_ids).
    queue: dict[bytes, Message] = field(default_factory=dict)
    #: Messages that came to a later stage without the name of their origin, and are still there.
    nameless: set[bytes] = field(default_factory=set)
    accepted: int = 0
    before: int = 0
    own: int = 0
    #: Whether the world's mail comes in here; other machines with a queue are mailstores.
    entry: bool = False
    #: Whether people hand in letters here: a server of port 465 or 587 was heard, or the machine was named.
    submission: bool = False
    #: Queue ids that another machine said it handed over, before this one's log told of them; and the reverse.
    expected: dict[bytes, Message] = field(default_factory=dict)
    landed: dict[bytes, Message] = field(default_factory=dict)
    early: int = 0

    @property
    def label(self) -> bytes:
        """The first label of the machine's name: the journal may give the short name, a reply the long one."""
        return self.name.partition(b".")[0]

    def at(self, hour: bytes) -> None:
        """Count under this hour from now on."""
        found = self.hours.get(hour)
        if found is None:
            found = self.hours[hour] = [0] * (SLOTS + 1)
        self.now = found

    def bound(self) -> None:
        """Keep what is open bounded: settle the oldest of too many."""
        while len(self.queue) > MOST:
            # A message's other entries stay behind under their ids until they leave or grow old too; they count no more.
            self.early += 1
            self.queue.pop(next(iter(self.queue))).whole().settle()
        if len(self.nameless) > MOST:
            self.nameless.clear()
        while len(self.screens) > MOST:
            self.early += 1
            self.screened += 1
            self.now[self.screens.pop(next(iter(self.screens)))] += 1
        while len(self.landed) > LANDED:
            self.landed.pop(next(iter(self.landed))).settle()
        while len(self.expected) > MOST:
            self.early += 1
            leave(self, b"", self.expected.pop(next(iter(self.expected))))

    def totals(self) -> list[list[int]]:
        """Return the counters of each hour, one for each slot."""
        return [self._folded(counts) for counts in self.hours.values()]

    def _folded(self, counts: list[int]) -> list[int]:
        whole = counts[:SLOTS]
        whole[BLOCKED] += counts[LISTED]
        if self.submission:
            for world, ours in MOVED.items():
                whole[ours], whole[world] = whole[world], 0
        return whole
