"""The fates: their names, what each counts, and from which lines it is told (docs/fates.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace

CONNECTION, MESSAGE, OWN, RECIPIENT = "connection", "message", "own message", "recipient"
#: What the same is called on a submission machine, where our own people come in: it adds up for itself, and to nothing of the world's.
HANDED_IN = {CONNECTION: "session", MESSAGE: "letter", RECIPIENT: "letter's recipient"}
SESSION, LETTER = HANDED_IN[CONNECTION], HANDED_IN[MESSAGE]


@dataclass(frozen=True, slots=True)
class Fate:
    """One fate. talk: whether the talk's slide names it."""

    name: str
    unit: str
    meaning: str
    talk: bool = False


_TOLD = (
    # Connections. Exactly one for each; whoever brought mail is told further among the messages.
    Fate("MAIL TAKEN", CONNECTION, "at least one message was taken; its fate is the message's"),
    Fate("SPAMMER BLOCKED", CONNECTION, "on a DNS list, on the access list, or a client that is refused whatever it says", talk=True),
    Fate("SPAMMER DISCONNECTED", CONNECTION, "spoke before its turn, broke the protocol, or hung up before it offered mail", talk=True),
    Fate("INVALID RECIPIENT", CONNECTION, "wanted to write to nobody but people who do not exist or receive nothing", talk=True),
    Fate("BAD HELO", CONNECTION, "refused for the name it gave in HELO or EHLO", talk=True),
    Fate("SENDER REFUSED", CONNECTION, "refused for the sender it gave"),
    Fate("RELAY REFUSED", CONNECTION, "wanted mail carried to a domain that is not ours"),
    Fate("LOGIN REFUSED", CONNECTION, "gave no login where one is needed, or none that is right"),
    Fate("MESSAGE REFUSED", CONNECTION, "refused at or after DATA: too large, broken lines, a filter's word"),
    Fate("TOO MANY", CONNECTION, "more connections, messages or recipients than one client may have"),
    Fate("TRY LATER", CONNECTION, "answered 4xx and nothing worse"),
    Fate("OTHERWISE REFUSED", CONNECTION, "refused for another reason"),
    Fate("NO MAIL OFFERED", CONNECTION, "left in peace without offering mail"),
    Fate("UNFINISHED", CONNECTION, "still there where the logs end"),
    Fate("UNATTRIBUTED", CONNECTION, "the logs do not say what became of it"),
    # Messages that were taken from the world. The gravest of what befell a message's recipients is its fate.
    Fate("OK", MESSAGE, "delivered to every recipient", talk=True),
    Fate("SPAM", MESSAGE, "stopped by the filter as spam", talk=True),
    Fate("BADHEADER", MESSAGE, "stopped by the filter for a bad header", talk=True),
    Fate("INFECTED", MESSAGE, "stopped by the filter for a virus", talk=True),
    Fate("BANNED", MESSAGE, "stopped by the filter for a kind of file", talk=True),
    Fate("UNCHECKED", MESSAGE, "stopped by the filter because it could not be looked into"),
    Fate("OTHERWISE STOPPED", MESSAGE, "stopped by the filter for another reason (oversized, for instance)"),
    Fate("BOUNCED", MESSAGE, "could not be delivered to somebody and was given up"),
    Fate("DELETED", MESSAGE, "deleted from a queue by an operator"),
    Fate("HELD", MESSAGE, "on hold where the logs end, for somebody to look at"),
    Fate("DEFERRED", MESSAGE, "in a queue where the logs end, after at least one attempt"),
    Fate("WAITING", MESSAGE, "in a queue where the logs end, not tried yet"),
    Fate("UNATTRIBUTED", MESSAGE, "the logs do not say what became of it"),
    # Messages that were born on machines of ours: forwards, replies, reports of non-delivery, letters of the machines.
    Fate("SENT", OWN, "delivered, or handed to another site"),
    Fate("STOPPED", OWN, "stopped by the filter or deleted by an operator"),
    Fate("BOUNCED", OWN, "could not be delivered to somebody and was given up"),
    Fate("DEFERRED", OWN, "in a queue where the logs end, after at least one attempt"),
    Fate("WAITING", OWN, "in a queue where the logs end, not tried yet"),
    Fate("UNATTRIBUTED", OWN, "the logs do not say what became of it"),
    # Recipients: answers to single RCPT commands, and single deliveries. Another unit, so they add up to nothing above.
    Fate("SPAMMER BLOCKED", RECIPIENT, "RCPT answered with a DNS list, the access list or a refused client"),
    Fate("INVALID RECIPIENT", RECIPIENT, "RCPT answered that nobody receives mail there"),
    Fate("BAD HELO", RECIPIENT, "RCPT answered that the name in HELO is refused"),
    Fate("SENDER REFUSED", RECIPIENT, "RCPT answered that the sender is refused"),
    Fate("RELAY REFUSED", RECIPIENT, "RCPT answered that the domain is not ours"),
    Fate("TOO MANY", RECIPIENT, "RCPT answered that there were too many"),
    Fate("TRY LATER", RECIPIENT, "RCPT answered 4xx"),
    Fate("OTHERWISE REFUSED", RECIPIENT, "RCPT answered 5xx for another reason"),
    Fate("DELIVERED", RECIPIENT, "one recipient's copy delivered, as far as the logs given reach"),
    Fate("BOUNCED", RECIPIENT, "one recipient's copy given up"),
)
#: Each slot's counterpart on a submission machine follows; nobody who comes there is called a spammer.
FATES = _TOLD + tuple(
    replace(fate, unit=HANDED_IN[fate.unit], name=fate.name.removeprefix("SPAMMER "), talk=False)
    for fate in _TOLD
    if fate.unit in HANDED_IN
)
SLOTS = len(FATES)
#: One more counter: SPAMMER BLOCKED whose list is counted already. Reports add it to the others.
LISTED = SLOTS
#: Slots by unit and name.
SLOT = {(fate.unit, fate.name): number for number, fate in enumerate(FATES)}

#: Where a slot is counted on a submission machine.
MOVED = {
    number: SLOT[HANDED_IN[fate.unit], fate.name.removeprefix("SPAMMER ")] for number, fate in enumerate(_TOLD) if fate.unit in HANDED_IN
}


def of_unit(unit: str) -> list[int]:
    """Return the slots of a unit, in the order of the table."""
    return [number for number, fate in enumerate(FATES) if fate.unit == unit]


def _connection(name: str) -> int:
    return SLOT[CONNECTION, name]


MAIL_TAKEN = _connection("MAIL TAKEN")
BLOCKED = _connection("SPAMMER BLOCKED")
DISCONNECTED = _connection("SPAMMER DISCONNECTED")
INVALID_RECIPIENT = _connection("INVALID RECIPIENT")
BAD_HELO = _connection("BAD HELO")
SENDER_REFUSED = _connection("SENDER REFUSED")
RELAY_REFUSED = _connection("RELAY REFUSED")
MESSAGE_REFUSED = _connection("MESSAGE REFUSED")
LOGIN_REFUSED = _connection("LOGIN REFUSED")
TOO_MANY = _connection("TOO MANY")
TRY_LATER = _connection("TRY LATER")
OTHERWISE_REFUSED = _connection("OTHERWISE REFUSED")
NO_MAIL = _connection("NO MAIL OFFERED")
UNFINISHED = _connection("UNFINISHED")
UNATTRIBUTED_CONNECTION = _connection("UNATTRIBUTED")
DELIVERED = SLOT[RECIPIENT, "DELIVERED"]
GIVEN_UP = SLOT[RECIPIENT, "BOUNCED"]
#: The answer to one RCPT, for the fate that it gives its connection.
ANSWERED = {slot: SLOT.get((RECIPIENT, FATES[slot].name), SLOT[RECIPIENT, "OTHERWISE REFUSED"]) for slot in of_unit(CONNECTION)}
