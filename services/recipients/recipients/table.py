"""From entries of the directory to the records of the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from .settings import Settings

ATTRIBUTES = ["mail", "mailAlternateAddress", "accountStatus"]
#: qmail-ldap's literal: catchall@domain takes what nobody else in the domain has (LDAP_CATCH_ALL in qmail-ldap.h).
CATCH_ALL = "catchall"
#: What is asked for besides where the table says who owns which address, and which entries besides.
OWNERS = ["uid", "posthouseDelegate", "memberUid"]
GROUPS = "(objectClass=posixGroup)"
#: Keys of such records begin with this, which no address does; the value is a list of logins, or one that nobody can have.
FROM = b"from "
PENDING = FROM + b"pending"
NOBODY = "(nobody)"


class Status(IntEnum):
    """What accountStatus means for delivery. Where two entries have one address, the smaller number wins."""

    VALID = 0
    DISABLED = 1
    DELETED = 2


@dataclass(frozen=True, slots=True)
class Person:
    """What counts of an entry: its addresses, in lower case, and whether it takes mail. A group has no addresses."""

    addresses: tuple[str, ...]
    status: Status
    #: How many values were no addresses.
    ignored: int = 0
    #: For `owners`: the entry's DN, its login, the DNs that may write in its name; of a group, its members' logins.
    name: str = ""
    login: str = ""
    delegates: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Records by key, and how many there are of each kind. Addresses that are always valid are not counted."""

    records: dict[bytes, bytes]
    valid: int
    disabled: int
    deleted: int
    ignored: int

    @property
    def size(self) -> int:
        """How many addresses the directory gave."""
        return self.valid + self.disabled + self.deleted


def person(attributes: Mapping[str, Sequence[bytes]], name: str = "") -> Person:
    """Read an entry. Attribute names are compared without case, as LDAP does. name: its DN, where it matters who writes as whom."""
    found = {name.lower(): values for name, values in attributes.items()}
    addresses: list[str] = []
    ignored = 0
    for value in [*found.get("mail", ()), *found.get("mailalternateaddress", ())]:
        address = _address(value)
        if address:
            addresses.append(address)
        else:
            ignored += 1
    word = bytes(next(iter(found.get("accountstatus", ())), b"")).strip().lower()
    # Absent, active, noaccess and words nobody knows: mail is delivered (qmail-ldap, check.c).
    status = {b"disabled": Status.DISABLED, b"deleted": Status.DELETED}.get(word, Status.VALID)
    read = Person(tuple(dict.fromkeys(addresses)), status, ignored)
    if not name:
        return read
    login = "".join(_words(found.get("uid", ()))[:1])
    delegates = tuple(value.decode(errors="replace").lower() for value in found.get("posthousedelegate", ()))
    return replace(read, name=name.lower(), login=login, delegates=delegates, members=tuple(_words(found.get("memberuid", ()))))


def _words(values: Iterable[bytes]) -> list[str]:
    """Return those values that Postfix can tell apart in a list of logins."""
    texts = [value.decode(errors="replace") for value in values]
    return [text for text in texts if text.isprintable() and not set(text) & set(" ,()") and text]


def _address(value: bytes) -> str:
    """Return an address in lower case, or nothing when it is none that SMTP could bring."""
    try:
        text = value.decode("ascii").strip().lower()
    except UnicodeDecodeError:
        return ""
    local, at, domain = text.rpartition("@")
    if not (local and at and domain) or not text.isprintable() or " " in text:
        return ""
    return text


def compose(people: Iterable[Person], settings: Settings) -> Table:
    """Make the table of all people."""
    entries = list(people)
    statuses: dict[str, Status] = {}
    ignored = 0
    for one in entries:
        ignored += one.ignored
        for address in one.addresses:
            known = statuses.get(address)
            if known is None or one.status < known:
                statuses[address] = one.status
    counts = dict.fromkeys(Status, 0)
    for status in statuses.values():
        counts[status] += 1
    replies = {
        Status.VALID: settings.reply_valid.encode(),
        Status.DISABLED: settings.reply_disabled.encode(),
        Status.DELETED: settings.reply_deleted.encode(),
    }
    records = {address.encode(): replies[status] for address, status in sorted(statuses.items())}
    for address, status in statuses.items():
        local, _, domain = address.rpartition("@")
        if local == CATCH_ALL and status is Status.VALID:
            # access(5) asks for the whole address first, then for the bare domain.
            records[domain.encode()] = replies[Status.VALID]
    for key in sorted(_always(settings)):
        records[key] = replies[Status.VALID]
    if settings.senders:
        records |= owners(entries)
    return Table(records, counts[Status.VALID], counts[Status.DISABLED], counts[Status.DELETED], ignored)


def given(records: Mapping[bytes, bytes], settings: Settings) -> int:
    """Return how many addresses of a table the directory gave; of those that are always valid this cannot be told, so they do not count."""
    always = _always(settings)
    return sum(b"@" in key and key not in always and not key.startswith(FROM) for key in records)


def _always(settings: Settings) -> set[bytes]:
    return {f"{local}@{domain}".lower().encode() for domain in settings.domains for local in settings.always}


def pending(settings: Settings) -> dict[bytes, bytes]:
    """Make the table of a service that knows nobody yet: every address is answered with a temporary failure.

    Postfix would do the same for a table that is missing, but its processes would not notice when it comes.
    """
    unknown = dict.fromkeys((domain.lower().encode() for domain in settings.domains), settings.reply_pending.encode())
    return unknown | (nobody_yet(settings) if settings.senders else {})


def nobody_yet(settings: Settings) -> dict[bytes, bytes]:
    """Return the record by which Postfix sees that it is not known yet who owns which address."""
    return {PENDING: settings.reply_pending.encode()}


def lacks_owners(records: Mapping[bytes, bytes], settings: Settings) -> bool:
    """Tell whether a table that should say who owns which address is one of before it was asked to."""
    return settings.senders and not any(key.startswith(FROM) for key in records)


def owners(entries: Iterable[Person]) -> dict[bytes, bytes]:
    """Say for each address which logins may write as it: its person's, and those of persons and groups to whom that was given.

    What was given is not handed on: who may write as a delegate may not write as those who chose the delegate.
    """
    entries = list(entries)
    logins = {one.name: one.members or (one.login,) for one in entries}
    found: dict[str, tuple[Status, str]] = {}
    for one in entries:
        names = one.login
        if one.status is Status.VALID and one.delegates:
            names = _listed([one.login], *(logins.get(name, ()) for name in one.delegates))
        for address in one.addresses:
            status, known = found.get(address, (one.status, ""))
            if one.status <= status:
                # Two open entries with one address, which the directory refuses, are both its owners.
                found[address] = (one.status, names if one.status < status or not known else _listed(known.split(","), names.split(",")))
    return {FROM + address.encode(): (names or NOBODY).encode() for address, (_, names) in sorted(found.items())}


def _listed(*logins: Iterable[str]) -> str:
    return ",".join(sorted({login for several in logins for login in several} - {""}))


def lookup_keys(address: str) -> list[bytes]:
    """Return the keys that Postfix asks for, in its order."""
    lowered = address.strip().lower()
    _, at, domain = lowered.rpartition("@")
    return [lowered.encode(), *([domain.encode()] if at and domain else [])]
