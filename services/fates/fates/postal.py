"""Read the lines of Postfix's queues, of the filter and of deliveries."""

from __future__ import annotations

from .kinds import DELIVERED, GIVEN_UP, MESSAGE, SLOT
from .machine import Machine
from .messages import ACCEPTED, BEFORE, BORN, OFFERED, OWN_UNTOLD, UNTOLD, Message, begin, enter, expect, hold, leave, merge

_STOPPED = {
    b"INFECTED": SLOT[MESSAGE, "INFECTED"],
    b"BANNED": SLOT[MESSAGE, "BANNED"],
    b"SPAM": SLOT[MESSAGE, "SPAM"],
    b"SPAMMY": SLOT[MESSAGE, "SPAM"],
    b"BAD-HEADER": SLOT[MESSAGE, "BADHEADER"],
    b"UNCHECKED": SLOT[MESSAGE, "UNCHECKED"],
    # As the filter's reply to Postfix words them.
    b"spam": SLOT[MESSAGE, "SPAM"],
    b"BAD": SLOT[MESSAGE, "BADHEADER"],
}
_OTHERWISE = SLOT[MESSAGE, "OTHERWISE STOPPED"]


class Post:
    """The handlers of one machine's messages. Each takes the text of a line, without its head."""

    def __init__(self, machine: Machine) -> None:
        """machine: whose lines these are."""
        self.machine = machine

    # Queue managers

    def entry_qmgr(self, text: bytes) -> None:
        """Queue manager of the first stage: a message is taken, or gone."""
        if text[-10:] == b": removed\n":
            self.removed(text[:-10], UNTOLD)
        elif text[-15:] == b"(queue active)\n":
            queue_id = text.partition(b":")[0]
            message = self.machine.queue.get(queue_id)
            if message is None:
                # Postfix's own notices to the postmaster come from nowhere.
                ours = text.find(b": from=<double-bounce@") > 0
                begin(self.machine, queue_id, BORN if ours else BEFORE)
                if ours:
                    self.machine.nameless.add(queue_id)
            elif message.kind == OFFERED:
                message.kind = ACCEPTED
                self.machine.accepted += 1
        else:
            self.delivery(text)

    def qmgr(self, text: bytes) -> None:
        """Queue manager of a later stage, or of a mailstore."""
        if text[-10:] == b": removed\n":
            # The most frequent case, without a call: one of several entries of a message that began on this machine.
            queue = self.machine.queue
            queue_id = text[:-10]
            message = queue.get(queue_id)
            if message is not None and message.open > 1 and message.into is None and queue_id != message.root:
                del queue[queue_id]
                message.open -= 1
                return
            self.removed(queue_id, OWN_UNTOLD)
        elif text[-15:] != b"(queue active)\n":
            self.delivery(text)

    def removed(self, queue_id: bytes, untold: int) -> None:
        """Take a queue entry away."""
        machine = self.machine
        message = machine.queue.get(queue_id)
        if message is not None:
            if message.into is None and message.open > 1 and message.machine is machine:
                # The most frequent cases, without a call: later stages have the message; or it has several of them.
                if queue_id != message.root:
                    del machine.queue[queue_id]
                    message.open -= 1
                elif message.rooted:
                    message.rooted = False
                    message.open -= 1
                return
            del machine.queue[queue_id]
            leave(machine, queue_id, message)
            machine.nameless.discard(queue_id)
            return
        # It left a queue, so it was in it: from before the logs, or its lines are missing.
        if untold == UNTOLD:
            machine.before += 1
        else:
            machine.own += 1
        machine.now[untold] += 1
        machine.tops.reasons.add(b"message: only its last line is known")

    # Ways in

    def smtpd(self, text: bytes) -> None:
        """Server of a later stage, or of a mailstore."""
        if text > b"[":
            return  # connect, disconnect, warning
        client, _, rest = text.partition(b", orig_queue_id=")
        queue_id, found, _ = client.partition(b": client=")
        if not found:
            return
        machine = self.machine
        if not rest:
            message = machine.expected.pop(queue_id, None)
            if message is None:
                begin(machine, queue_id, BORN)
                machine.nameless.add(queue_id)
            else:
                enter(machine, queue_id, message)
            return
        origin = rest.partition(b",")[0].rstrip()
        message = machine.queue.get(origin)
        if message is None:
            message = begin(machine, origin, BEFORE)
            message.rooted = False
            message.open = 0
        elif message.into is not None:
            message = message.whole()
        message.open += 1
        message.joined = True
        if queue_id in machine.queue:
            enter(machine, queue_id, message)
        else:
            machine.queue[queue_id] = message

    def pickup(self, text: bytes) -> None:
        """A letter of the machine itself."""
        queue_id, found, _ = text.partition(b": uid=")
        if found:
            begin(self.machine, queue_id, BORN)

    def bounce(self, text: bytes) -> None:
        """A report of non-delivery is a new message of ours."""
        _, found, queue_id = text.partition(b" notification: ")
        if not found:
            return
        queue_id = queue_id.rstrip()
        known = self.machine.queue.get(queue_id)
        if known is None:
            begin(self.machine, queue_id, BORN)
        elif known.kind == BEFORE:
            known.kind = BORN
            self.machine.before -= 1
            self.machine.own += 1

    def cleanup(self, text: bytes) -> None:
        """A message that was begun and not taken leaves this line only; one that a header or a milter puts on hold, another."""
        queue_id, _, what = text.partition(b":")
        if what[:12] == b" message-id=":
            return
        if what[:6] == b" hold:" or what[:13] == b" milter-hold:":
            hold(self.machine, queue_id)
        if what != b" removed (canceled)\n":
            return
        message = self.machine.queue.get(queue_id)
        if message is None or message.root != queue_id or not message.rooted:
            return
        if message.kind == BORN:
            self.machine.own -= 1
        elif message.kind == ACCEPTED and message.held:
            self.machine.accepted -= 1  # on hold, and refused in the end
        elif message.kind != OFFERED:
            return
        message.kind = OFFERED
        del self.machine.queue[queue_id]

    def postsuper(self, text: bytes) -> None:
        """An operator deletes a message, puts it on hold or lets it go on."""
        queue_id, _, what = text.partition(b": ")
        message = self.machine.queue.get(queue_id)
        if message is None:
            return
        if what == b"removed\n":
            message.whole().deleted = True
            self.removed(queue_id, OWN_UNTOLD)
        elif what == b"placed on hold\n":
            hold(self.machine, queue_id)
        elif what == b"released from hold\n":
            message.whole().held = False

    # Ways out

    def delivery(self, text: bytes) -> None:
        """One attempt for one recipient."""
        machine = self.machine
        about, _, relay = text.partition(b", relay=")
        # To the next stage on this machine: it has said so itself, and named the origin.
        handed_on = relay[:10] == b"127.0.0.1[" and relay.find(b"queued as ") > 0
        if handed_on and not machine.nameless:
            return
        relay, _, status = relay.partition(b", status=")
        if not status:
            return  # what is said of TLS, for instance
        message = machine.queue.get(about.partition(b":")[0])
        if message is None:
            return
        if message.into is not None:
            message = message.whole()
        word = status[:4]
        if word == b"sent":
            if handed_on:
                self._passed_on(status, message)
            else:
                self._sent(relay, status, message)
        elif word == b"defe":
            message.deferred = True
        elif word != b"deli":  # deliverable: an address was only verified
            message.failed += 1
            machine.now[GIVEN_UP] += 1

    def _passed_on(self, status: bytes, message: Message) -> None:
        """To the next stage on this machine, which has named the message's origin already; or not, and counts it as its own."""
        queue_id = status.rpartition(b"queued as ")[2].rstrip(b")\n").partition(b",")[0]
        part = self.machine.queue.get(queue_id)
        if part is not message and (part is None or not merge(part, message)):
            message.passed = True

    def _sent(self, relay: bytes, status: bytes, message: Message) -> None:
        """relay and status: from behind the equals sign on."""
        if status.find(b"discarded, id=") > 0:
            message.joined = True
            reason = status.partition(b"discarded, id=")[2].partition(b" - ")[2]
            message.stop(_STOPPED.get(reason.partition(b":")[0].partition(b" ")[0].rstrip(b")\n"), _OTHERWISE))
            return
        if status.find(b"from MTA(") > 0:
            self._passed_on(status, message)  # a filter on another machine has handed it on, to a stage of this one
            return
        machine = self.machine
        if len(machine.peers) > 1 and status.find(b"queued as ") > 0:
            host = relay.partition(b"[")[0]
            other = machine.peers.get(host.partition(b".")[0])
            if other is not None and other is not machine:
                expect(other, status.partition(b"queued as ")[2].rstrip(b")\n").partition(b" ")[0], message)
                return
        message.delivered += 1
        machine.now[DELIVERED] += 1

    def signer(self, text: bytes) -> None:
        """opendkim(8) tells of each signature that it adds: selector and domain."""
        selector, found, domain = text.partition(b": DKIM-Signature field added (s=")[2].partition(b", d=")
        if found:
            self.machine.tops.signed.add(domain.rstrip(b")\n") + b" " + selector)

    # The filter

    def amavis(self, text: bytes) -> None:
        """The filter's verdict; two lines when it passes for one recipient and not for another."""
        if text.find(b") Passed CLEAN ", 0, 40) > 0:
            return
        at = text.find(b") ") + 2
        word = text[at : at + 8]
        if word == b"Blocked ":
            self._blocked(text, at + 8)
        elif word[:7] == b"Passed ":
            category = text[at + 7 : text.find(b" ", at + 7)]
            if category != b"MTA-BLOCKED":
                self.machine.tops.marks.add(category)

    def _blocked(self, text: bytes, at: int) -> None:
        end = text.find(b" {", at)
        actions = text[end : text.find(b"}", end)]
        if end < 0 or b"TempFailed" in actions:
            return  # it will be tried again
        category, _, names = text[at:end].partition(b" (")
        tops = self.machine.tops
        if category == b"INFECTED":
            tops.viruses.add(names.rstrip(b")"))
        elif category == b"BANNED":
            tops.banned.add(next((part for part in names.rstrip(b")").split(b",") if part[:1] == b"."), names.partition(b",")[0]))
        # Sender and Message-ID are the sender's own text. Who writes a second id into them is left to the filter's reply, which the
        # stage before it logs under its own id.
        parts = text.split(b", Queue-ID: ")
        message = self._find(parts[1].partition(b",")[0].rstrip()) if len(parts) == 2 else None
        if message is None:
            tops.reasons.add(b"filter: a verdict that names no known message")
            return
        if category == b"MTA-BLOCKED":
            # The next stage refused it for good: nothing was wrong with the message, and its sender is told.
            message.whole().failed += 1
            return
        message.whole().stop(_STOPPED.get(b"BAD-HEADER" if category[:10] == b"BAD-HEADER" else category, _OTHERWISE))

    def _find(self, queue_id: bytes) -> Message | None:
        """Return the message with this id at the first stage: here, or with a filter of its own on some exchanger."""
        found = self.machine.queue.get(queue_id)
        if found is None and not self.machine.entry:
            for other in set(self.machine.peers.values()):
                found = found or other.queue.get(queue_id)
        return found
