"""Who there is, where they live, and how long what they lost is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from posthouse.placement import places, unusable

from .settings import Settings

_ATTRIBUTES = ["uid", "mailHost", "entryUUID", "accountStatus"]
_PERSON = "(&(objectClass=qmailUser)(!(objectClass=qmailGroup))(uid=*))"
#: A filter and attributes -> entries by DN.
Search = Callable[[str, list[str]], Mapping[str, Mapping[str, Sequence[bytes]]]]


class DirectoryAwayError(OSError):
    """No directory server answers, so nobody knows who there is."""


@dataclass(frozen=True)
class Person:
    """Somebody of the directory."""

    uid: str
    #: Full name of their mailstore.
    store: str
    #: What stays theirs when their name becomes somebody else's.
    entry: str
    #: Name of their class, empty when none of the inventory's is theirs.
    kind: str
    #: So long their copies and removed letters are kept.
    days: int
    #: Why they cannot be backed up, or nothing.
    refused: str = ""
    #: Their account is deleted: the mailstore does not know them any more, and what is here is kept for its days.
    deleted: bool = False


def everybody(settings: Settings, *, anywhere: bool = False) -> list[Person]:
    """Return all people whose mail this machine keeps, by name. anywhere: those of the other machines too. Raises DirectoryAwayError."""
    from .directory import searching  # noqa: PLC0415  python-ldap is Debian's: where it is not, the rest works

    with searching(settings.directory) as search:
        found = people(settings, search, _PERSON)
    return [one for one in found if anywhere or settings.hostname in places(one.uid, settings.machines, settings.copies)]


def some(settings: Settings, uids: Iterable[str]) -> list[Person]:
    """Return the people of these names whom the directory has, wherever their mail is kept. Raises DirectoryAwayError."""
    from .directory import named, searching  # noqa: PLC0415  as above

    if not (wanted := list(uids)):
        return []
    with searching(settings.directory) as search:
        return people(settings, search, f"(&{_PERSON}{named(wanted)})")


def people(settings: Settings, search: Search, query: str) -> list[Person]:
    """Return the people whom a filter finds, by name.

    Each class is a search of its own, so that the directory's idea of its filter counts and not ours.
    """
    entries = search(query, _ATTRIBUTES)
    kinds: dict[str, tuple[str, int]] = {}
    for kind in settings.classes:
        for dn in search(f"(&{query}{kind.filter})", ["uid"]):
            kinds.setdefault(dn, (kind.name, kind.days))
    found = [_person(settings, entry, *kinds.get(dn, ("", settings.days))) for dn, entry in entries.items()]
    return sorted(found, key=lambda one: one.uid)


def _person(settings: Settings, entry: Mapping[str, Sequence[bytes]], kind: str, days: int) -> Person:
    one = {name.lower(): values[0].decode("utf-8", "replace") for name, values in entry.items() if values}
    uid, store = one["uid"], one.get("mailhost", settings.default_store).lower()
    refused = unusable(uid) or ("" if store in settings.stores else f"their mailHost {store!r} is no mailstore")
    deleted = one.get("accountstatus", "").lower() == "deleted"
    return Person(uid=uid, store=store, entry=one.get("entryuuid", ""), kind=kind, days=days, refused=refused, deleted=deleted)
