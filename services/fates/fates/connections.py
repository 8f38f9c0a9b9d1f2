"""Read the lines of the front door: postscreen, and the first stage's server behind it."""

from __future__ import annotations

from . import kinds
from .kinds import ANSWERED
from .machine import Machine

_PASSED = frozenset((b"PASS NE", b"ALLOWLI", b"WHITELI"))
_DENIED = frozenset((b"DENYLIS", b"BLACKLI"))
#: How nine in ten of a busy exchanger's answers read.
_REJECT = b"NOQUEUE: reject: RCPT from "
_LISTED = b": 550 5.7.1 Service unavailable"
_ANSWERED_BLOCKED = ANSWERED[kinds.BLOCKED]
#: What an answer says, in the order in which it is looked for; the subject before it is the client's own text.
_PHRASES = (
    (b"blocked using ", kinds.BLOCKED),
    (b": Helo command rejected: ", kinds.BAD_HELO),
    (b": Sender address rejected: ", kinds.SENDER_REFUSED),
    (b": Relay access denied", kinds.RELAY_REFUSED),
    (b": Client host rejected: ", kinds.BLOCKED),
    (b": Recipient address rejected: ", kinds.INVALID_RECIPIENT),
    (b"too many ", kinds.TOO_MANY),
    (b"Error: rate limit", kinds.TOO_MANY),
    (b"size exceeds", kinds.MESSAGE_REFUSED),
)
#: RFC 4954 section 6.
_LOGIN = (b"530", b"534", b"535", b"538")
_INVALID = (b"5.1.1", b"5.1.2", b"5.1.3", b"5.1.6", b"5.2.1", b"5.2.2")


def judge(text: bytes, at: int) -> int:
    """Return the fate that an answer gives. text[at:] begins with its code; a 4xx is TRY LATER, whatever it is about."""
    if text[at : at + 1] == b"4":
        if text.find(b"too many ", at) > 0 or text.find(b"rate limit", at) > 0:
            return kinds.TOO_MANY
        return kinds.TRY_LATER
    if text[at : at + 3] in _LOGIN:
        return kinds.LOGIN_REFUSED
    if text[at + 4 : at + 9] in _INVALID:
        return kinds.INVALID_RECIPIENT
    # The answer ends where the envelope begins; what stands behind is the client's own text.
    end = text.rfind(b" from=<")
    for phrase, fate in _PHRASES:
        if text.find(phrase, at, end) > 0:
            return fate
    return kinds.OTHERWISE_REFUSED


class Postscreen:
    """The screening daemon of one machine, from its lines, and the lookups that it asks for.

    Nothing that other daemons say changes what these lines mean, and on a busy exchanger they are half of all. So they are collected and
    read in one go for each block.
    """

    def __init__(self, machine: Machine) -> None:
        """machine: whose lines these are."""
        self.machine = machine
        #: Lines of postscreen and of dnsblog that wait to be read.
        self.lines: list[bytes] = []
        self.lookups: list[bytes] = []

    def read(self) -> None:
        """Read the lines that wait; the most frequent kinds come first."""
        machine = self.machine
        now, screens = machine.now, machine.screens
        connects = gone = passes = 0
        for text in self.lines:
            word = text[:7]
            if word == b"CONNECT":
                connects += 1
            elif word == b"DISCONN":
                gone += 1
                try:
                    now[screens.pop(text[11:-1])] += 1
                except KeyError:
                    self._unknown()
            elif word == b"NOQUEUE":
                self._answer(text)
            elif word == b"DNSBL r":
                screens[text.rpartition(b" ")[2][:-1]] = kinds.BLOCKED
            elif word == b"PASS OL":
                passes += 1
                screens.pop(text[9:-1], None)
            elif word in _PASSED:
                passes += 1
                self._passed(text)
            elif word in _DENIED:
                screens[text.rpartition(b" ")[2][:-1]] = kinds.BLOCKED
            else:
                self._misbehaved(text)
        self.lines.clear()
        machine.connects += connects
        machine.screened += gone
        machine.passes += passes
        if self.lookups:
            self._listed()

    def _listed(self) -> None:
        """One address on one list each, from dnsblog(8): "addr ADDRESS listed by domain ZONE as ANSWER"."""
        listed = self.machine.tops.listed
        counts = listed.counts
        for text in self.lookups:
            words = text.rsplit(b" ", 3)
            try:
                counts[words[1]] += 1
            except (IndexError, KeyError):
                if len(words) == 4 and words[0].endswith(b" listed by domain"):
                    listed.add(words[1])
        self.lookups.clear()

    def _passed(self, text: bytes) -> None:
        """Whoever was judged and goes on all the same is somebody whose fate the server tells."""
        machine = self.machine
        key = text[text.find(b"[") : -1]
        # The tests after the greeting end with 4xx, then with PASS NEW, then with DISCONNECT (postscreen(8)).
        if machine.screens.get(key) == kinds.TRY_LATER:
            machine.passes -= 1
        else:
            machine.screens.pop(key, None)

    def _unknown(self) -> None:
        self.machine.now[kinds.UNATTRIBUTED_CONNECTION] += 1
        self.machine.tops.reasons.add(b"connection: only its end is known")

    def _answer(self, text: bytes) -> None:
        about, _, reason = text.partition(b";")
        if about[-31:] == _LISTED and about[:27] == _REJECT:
            key = about[27:-31]
        else:
            words = text.split(b" ", 5)
            if len(words) < 6 or words[2] != b"RCPT" or words[1] != b"reject:":
                self._no_place(text)
                return
            key = words[4][:-1]
            if words[5][:1] != b"5":
                self.machine.now[ANSWERED[kinds.TRY_LATER]] += 1
                self.machine.screens.setdefault(key, kinds.TRY_LATER)
                return
        machine = self.machine
        machine.now[_ANSWERED_BLOCKED] += 1
        # A line for each recipient, and the list counts once.
        screens = machine.screens
        if screens.get(key) != kinds.LISTED:
            zone = reason.partition(b"] blocked using ")[2].partition(b";")[0]
            if not zone:
                screens[key] = kinds.BLOCKED
                return
            screens[key] = kinds.LISTED
            try:
                machine.tops.lists.counts[zone] += 1
            except KeyError:
                machine.tops.lists.add(zone)

    def _no_place(self, text: bytes) -> None:
        """All places are taken. "Server ports" were found full after the connection had passed."""
        if text[9:30] == b"reject: CONNECT from ":
            if text.find(b"all server ports busy") > 0:
                self.machine.passes -= 1
            self.machine.screens[text[30 : text.find(b": ", 30)]] = kinds.TOO_MANY

    def _misbehaved(self, text: bytes) -> None:
        """Greeting unheard, hung up, or a broken protocol: PREGREET, HANGUP, COMMAND ... LIMIT, BARE NEWLINE and their like."""
        start = text.find(b" from [")
        if start < 0 or not text[:4].isupper():
            return
        key = text[start + 6 :].partition(b" ")[0].rstrip(b":\n")
        self.machine.screens.setdefault(key, kinds.DISCONNECTED)

    def finish(self) -> None:
        """The logs end: count whoever was judged and has not gone yet."""
        machine = self.machine
        for fate in machine.screens.values():
            machine.screened += 1
            machine.now[fate] += 1
        machine.screens.clear()
