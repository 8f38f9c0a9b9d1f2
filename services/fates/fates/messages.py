"""One message on its way through the queues, and what becomes of it when it is in none of them any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import MESSAGE, OWN, SLOT

if TYPE_CHECKING:
    from .machine import Machine

#: Where a message came from: offered by a connection and not taken yet; taken; taken before the logs begin; born here.
OFFERED, ACCEPTED, BEFORE, BORN = range(4)
#: What a message that is stopped for several reasons is counted as: the first that holds.
GRAVITY = tuple(SLOT[MESSAGE, name] for name in ("INFECTED", "BANNED", "SPAM", "BADHEADER", "UNCHECKED", "OTHERWISE STOPPED"))
_RANK = {slot: len(GRAVITY) - number for number, slot in enumerate(GRAVITY)}
_TAKEN = {name: SLOT[MESSAGE, name] for name in ("OK", "BOUNCED", "DELETED", "HELD", "DEFERRED", "WAITING", "UNATTRIBUTED")}
_BORN = {name: SLOT[OWN, name] for name in ("SENT", "STOPPED", "BOUNCED", "DEFERRED", "WAITING", "UNATTRIBUTED")}
#: Queue entries that are remembered at once on one machine. A log whose "removed" lines are gone would fill the memory.
MOST = 60_000
LANDED = 20_000


class Message:
    """What is known of a message. ``open`` counts the queue entries, on all machines, that hold a part of it."""

    __slots__ = (
        "deferred", "deleted", "delivered", "failed", "handed", "held", "into", "joined", "kind", "machine", "open", "passed",
        "root", "rooted", "stopped",
    )  # fmt: skip

    def __init__(self, machine: Machine, kind: int, root: bytes) -> None:
        """machine: the one that counts it. root: its queue id at the first stage, by which later stages and the filter name it."""
        self.machine = machine
        self.kind = kind
        self.root = root
        #: Whether its entry at the first stage is open.
        self.rooted = True
        self.open = 1
        self.stopped = self.delivered = self.failed = 0
        #: joined and passed: a next stage took it, one that named its origin, and one that did not.
        self.deferred = self.deleted = self.held = self.joined = self.passed = False
        #: The queue ids that other machines' stages gave it, one after the other.
        self.handed = b""
        #: The message that this one turned out to be a part of.
        self.into: Message | None = None

    def whole(self) -> Message:
        """Return the message that this is a part of, or this one."""
        message = self
        while message.into is not None:
            message = message.into
        return message

    def stop(self, slot: int) -> None:
        """Note that the filter stopped it for somebody, as this fate."""
        if _RANK[slot] > _RANK.get(self.stopped, 0):
            self.stopped = slot

    def fate(self) -> int:
        """Return the slot of its fate as far as it is known now."""
        if self.kind == BORN:
            return _BORN[self._own()]
        if self.stopped:
            return self.stopped
        if self.failed:
            return _TAKEN["BOUNCED"]
        if self.deleted:
            return _TAKEN["DELETED"]
        if self.open > 0:
            return _TAKEN["HELD" if self.held else "DEFERRED" if self.deferred else "WAITING"]
        return _TAKEN["OK" if self.delivered else "UNATTRIBUTED"]

    def _own(self) -> str:
        if self.stopped or self.deleted:
            return "STOPPED"
        if self.failed:
            return "BOUNCED"
        if self.open > 0:
            return "DEFERRED" if self.deferred else "WAITING"
        # Handed to a stage that counts it as a message of its own: it told no origin, and has forgotten it by now.
        return "SENT" if self.delivered or self.passed else "UNATTRIBUTED"

    def settle(self) -> None:
        """Count its fate, once and for all."""
        machine = self.machine
        if self.root and machine.queue.get(self.root) is self:
            del machine.queue[self.root]
        if self.kind == OFFERED:
            return
        slot = self.fate()
        self.kind = OFFERED
        machine.now[slot] += 1
        if slot in _UNTOLD:
            machine.tops.reasons.add(
                b"message: handed to a next stage whose log is missing"
                if self.handed or self.joined or self.passed
                else b"message: lines are missing"
            )


_UNTOLD = (_TAKEN["UNATTRIBUTED"], _BORN["UNATTRIBUTED"])
OWN_UNTOLD = _BORN["UNATTRIBUTED"]
UNTOLD = _TAKEN["UNATTRIBUTED"]


def begin(machine: Machine, queue_id: bytes, kind: int) -> Message:
    """Note a new message and its first queue entry."""
    if kind == BEFORE:
        machine.before += 1
    elif kind == BORN:
        machine.own += 1
    message = Message(machine, kind, queue_id)
    if queue_id in machine.queue:
        enter(machine, queue_id, message)
    else:
        machine.queue[queue_id] = message
    return message


def hold(machine: Machine, queue_id: bytes) -> None:
    """Note that a message is put on hold; the queue manager then says nothing of it, so this is how it was taken."""
    message = machine.queue.get(queue_id)
    if message is None:
        return
    if message.kind == OFFERED and message.into is None:
        message.kind = ACCEPTED
        machine.accepted += 1
    message.whole().held = True


def enter(machine: Machine, queue_id: bytes, message: Message) -> None:
    """Put a message under a queue id; whoever was there has left without saying so."""
    queue = machine.queue
    old = queue.pop(queue_id, None)
    if old is not None and old is not message:
        leave(machine, queue_id, old)
    queue[queue_id] = message


def leave(machine: Machine, queue_id: bytes, message: Message) -> None:
    """Note that a queue entry is gone (and taken from the queue); settle the message with its last one."""
    whole = message if message.into is None else message.whole()
    if queue_id == message.root and machine is message.machine:
        if whole is message and message.open > message.rooted:
            machine.queue[queue_id] = message
        if not message.rooted:
            return
        message.rooted = False
    whole.open -= 1
    if whole.open:
        return
    home = whole.machine
    if whole.kind == BORN and len(home.peers) > 1:
        # Perhaps it is a part of a message whose handing over another machine has not told yet.
        home.landed[whole.root] = whole
        return
    whole.settle()


def expect(machine: Machine, queue_id: bytes, message: Message) -> None:
    """Follow a message to the queue entry that another machine gave it, whether or not that machine's log was read so far."""
    if queue_id in message.handed:
        return  # a line for each recipient
    message.handed += queue_id + b" "
    part = machine.landed.pop(queue_id, None) or machine.queue.get(queue_id)
    if part is not None and merge(part, message):
        return
    message.open += 1
    machine.expected[queue_id] = message


def merge(part: Message, message: Message) -> bool:
    """Make a message, born on a machine of ours as it seemed, a part of the one that it came from. Returns whether it was one."""
    if part.kind != BORN or part.whole() is message.whole():
        return part.whole() is message.whole()
    machine = part.machine
    machine.own -= 1
    machine.nameless.discard(part.root)
    if not part.rooted and machine.queue.get(part.root) is part:
        del machine.queue[part.root]
    part.kind = OFFERED
    part.into = message
    message.open += part.open
    message.delivered += part.delivered
    message.failed += part.failed
    message.deferred |= part.deferred
    message.deleted |= part.deleted
    message.handed += part.handed
    return True
