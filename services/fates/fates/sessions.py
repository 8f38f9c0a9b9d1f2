"""Read the lines of one process of the first stage's server: it serves one connection at a time (smtpd(8))."""

from __future__ import annotations

from . import kinds
from .connections import judge
from .kinds import ANSWERED
from .machine import Machine
from .messages import OFFERED, begin, hold

_OPEN = 0
_CLOSED = -1
#: How much a fate weighs against another of the same connection; among equals the first counts.
_WEIGHT = {_OPEN: 0, kinds.DISCONNECTED: 1, kinds.TRY_LATER: 2}
_NOTHING_SAID = frozenset((_OPEN, kinds.DISCONNECTED))
_NONE = frozenset((b"0\n", b"0/", b"0 "))
_AFTER_DATA = (b"DATA", b"END-", b"BDAT")


class Session:
    """A server process, and the connection that it serves now."""

    def __init__(self, machine: Machine) -> None:
        """machine: whose lines these are."""
        self.machine = machine
        self.fate = _CLOSED
        self.lost = False

    def line(self, text: bytes) -> None:
        """Read one line."""
        if text < b"a":
            # A queue id or NOQUEUE; a word that begins with a capital is about TLS.
            queue_id, _, rest = text.partition(b":")
            if rest[:8] == b" client=":
                if self.fate == _CLOSED:
                    self._begin()
                begin(self.machine, queue_id, OFFERED)
            elif queue_id.isalnum():
                if rest[:6] == b" hold:":
                    hold(self.machine, queue_id)
                self._event(rest[1:])
            return
        word = text[:8]
        if word == b"connect ":
            if self.fate != _CLOSED:
                self._settle(self.fate or kinds.UNATTRIBUTED_CONNECTION)
            self._begin()
            self.machine.greeted += 1
        elif word == b"disconne":
            self._disconnect(text)
        elif word == b"warning:":
            if text.find(b" limit exceeded: ") > 0 and text.find(b"Connection ") > 0:
                self._suffer(kinds.TOO_MANY)
        else:
            self._event(text)

    def _begin(self) -> None:
        self.fate = _OPEN
        self.lost = False
        self.machine.sessions += 1

    def _suffer(self, fate: int) -> None:
        if self.fate == _CLOSED:
            self._begin()
        if _WEIGHT.get(fate, 3) > _WEIGHT.get(self.fate, 3):
            self.fate = fate

    def _event(self, text: bytes) -> None:
        """text: what follows NOQUEUE or the queue id; older Postfix has neither before a lost connection."""
        word = text[:8]
        if word == b"reject: ":
            self._reject(text, 8)
        elif word in (b"lost con", b"timeout ", b"too many", b"improper", b"abort: T"):
            self._suffer(kinds.DISCONNECTED)
            self.lost = True

    def _reject(self, text: bytes, at: int) -> None:
        start = text.find(b"]: ", at)
        if start < 0:
            return
        command = text[at : at + 4]
        if text[start + 3 : start + 4] not in (b"4", b"5") or (command in _AFTER_DATA and text[start + 3 : start + 4] == b"5"):
            self._suffer(kinds.MESSAGE_REFUSED)  # "bare <LF> received" has no code
            return
        fate = judge(text, start + 3)
        if command == b"RCPT":
            self.machine.now[ANSWERED[fate]] += 1
        self._suffer(fate)
        if fate == kinds.BLOCKED and (found := text.find(b"blocked using ", start)) > 0:
            self.machine.tops.lists.add(text[found + 14 :].partition(b";")[0].rstrip())

    def _disconnect(self, text: bytes) -> None:
        """Judge by the counts of the commands: "rcpt=1/2" is one accepted of two."""
        if self.fate == _CLOSED:
            self._begin()
        if text.find(b" data=1") > 0:
            self._settle(kinds.MAIL_TAKEN)  # how nearly every connection with mail ends
            return
        data = text.find(b" data=")
        taken = data > 0 and text[data + 6 : data + 8] not in _NONE
        if not taken and not self.lost and (data := text.find(b" bdat=")) > 0:
            taken = text[data + 6 : data + 8] not in _NONE
        if taken:
            fate = kinds.MAIL_TAKEN
        elif self.fate in _NOTHING_SAID and text.find(b" auth=0/") > 0:
            fate = kinds.LOGIN_REFUSED
        elif self.fate != _OPEN:
            fate = self.fate
        elif text.find(b" data=0") > 0:
            fate = kinds.MESSAGE_REFUSED  # too large, or a filter's word: only cleanup says so
        elif text.find(b" rcpt=0/") > 0:
            fate = kinds.INVALID_RECIPIENT  # a warning of illegal syntax is all that is logged
        elif text.find(b"=0/") > 0:
            fate = kinds.OTHERWISE_REFUSED
        else:
            fate = kinds.NO_MAIL
        self._settle(fate)

    def _settle(self, fate: int) -> None:
        self.machine.now[fate] += 1
        if fate == kinds.UNATTRIBUTED_CONNECTION:
            self.machine.tops.reasons.add(b"connection: its end is missing")
        self.fate = _CLOSED

    def finish(self) -> None:
        """The logs end."""
        if self.fate != _CLOSED:
            self._settle(self.fate or kinds.UNFINISHED)
