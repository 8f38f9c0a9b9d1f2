"""Read the lines of the front door: postscreen, and the first stage's server behind it."""

from __future__ import annotations

from . import kinds
from .kinds import ANSWERED
from .machine import Machine

#: Connections that postscreen has judged and not let go: a log whose DISCONNECT lines are gone would fill the memory.
_MOST = 60_000
#: SPAMMER BLOCKED, and its list is counted already.
_LISTED = -1
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
_INVALID = (b"5.1.1", b"5.1.2", b"5.1.3", b"5.1.6", b"5.2.1", b"5.2.2")


def judge(text: bytes, at: int) -> int:
    """Return the fate that an answer gives. text[at:] begins with its code; a 4xx is TRY LATER, whatever it is about."""
    if text[at : at + 1] == b"4":
        if text.find(b"too many ", at) > 0 or text.find(b"rate limit", at) > 0:
            return kinds.TOO_MANY
        return kinds.TRY_LATER
    if text[at + 4 : at + 9] in _INVALID:
        return kinds.INVALID_RECIPIENT
    # The answer ends where the envelope begins; what stands behind is the client's own text.
    end = text.rfind(b" from=<")
    for phrase, fate in _PHRASES:
        if text.find(phrase, at, end) > 0:
            return fate
    return kinds.OTHERWISE_REFUSED


class Postscreen:
    """The screening daemon of one machine, from its lines."""

    def __init__(self, machine: Machine) -> None:
        """machine: whose lines these are."""
        self.machine = machine

    def line(self, text: bytes) -> None:
        """Read one line."""
        word = text[:8]
        machine = self.machine
        if word == b"CONNECT ":
            machine.connects += 1
        elif word == b"PASS OLD" or word == b"ALLOWLIS" or word == b"WHITELIS":
            machine.passes += 1
            if machine.screens:
                machine.screens.pop(text[text.find(b"[") :], None)
        elif word == b"DISCONNE":
            self._gone(text[11:])
        elif word == b"NOQUEUE:":
            self._answer(text)
        elif word == b"PASS NEW":
            # The tests after the greeting end with 4xx, then with this line, then with DISCONNECT (postscreen(8)).
            if machine.screens.get(text[9:]) != kinds.TRY_LATER:
                machine.screens.pop(text[9:], None)
                machine.passes += 1
        elif word == b"DNSBL ra" or word == b"DENYLIST" or word == b"BLACKLIS":
            machine.screens[text[text.find(b"[") :]] = kinds.BLOCKED
        else:
            self._misbehaved(text)

    def _gone(self, key: bytes) -> None:
        machine = self.machine
        fate = machine.screens.pop(key, kinds.UNATTRIBUTED_CONNECTION)
        if fate == _LISTED:
            fate = kinds.BLOCKED
        machine.screened += 1
        machine.now[fate] += 1
        if fate == kinds.UNATTRIBUTED_CONNECTION:
            machine.tops.reasons.add(b"connection: only its end is known")

    def _note(self, key: bytes, fate: int) -> None:
        screens = self.machine.screens
        screens[key] = fate
        if len(screens) > _MOST:
            self.machine.early += 1
            self._gone(next(iter(screens)))

    def _answer(self, text: bytes) -> None:
        start = text.find(b" from [")
        end = text.find(b": ", start)
        if start < 0 or end < 0:
            return
        machine, key = self.machine, text[start + 6 : end]
        if text[17:24] == b"CONNECT":
            # All places are taken. "Server ports" were found full after the connection had passed.
            if text.find(b"all server ports busy", end) > 0:
                machine.passes -= 1
            self._note(key, kinds.TOO_MANY)
            return
        fate = kinds.BLOCKED if text[end + 2 : end + 3] == b"5" else kinds.TRY_LATER
        machine.now[ANSWERED[fate]] += 1
        if fate == kinds.BLOCKED and (at := text.find(b"blocked using ", end)) > 0:
            known = machine.screens.get(key)
            if known != _LISTED:
                machine.tops.lists.add(text[at + 14 :].partition(b";")[0])
                self._note(key, _LISTED)
        elif machine.screens.get(key) not in (kinds.BLOCKED, _LISTED):
            self._note(key, fate)

    def _misbehaved(self, text: bytes) -> None:
        """Greeting unheard, hung up, or a broken protocol: PREGREET, HANGUP, COMMAND ... LIMIT, BARE NEWLINE and their like."""
        start = text.find(b" from [")
        if start < 0 or not text[:4].isupper():
            return
        end = text.find(b"]:", start)
        while end + 2 < len(text) and text[end + 2 : end + 3].isdigit():
            end += 1
        key = text[start + 6 : end + 2]
        if key not in self.machine.screens:
            self._note(key, kinds.DISCONNECTED)

    def finish(self) -> None:
        """The logs end: count whoever was judged and has not gone yet."""
        for key in list(self.machine.screens):
            self._gone(key)

    def listed(self, text: bytes) -> None:
        """One address on one list, from dnsblog(8)."""
        start = text.find(b" listed by domain ")
        if start > 0:
            self.machine.tops.listed.add(text[start + 18 :].partition(b" ")[0])
