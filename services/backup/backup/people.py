"""Who there is, where they live, and how long what they lost is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ldap
import ldap.filter
import ldap.ldapobject
from ldap.controls.libldap import SimplePagedResultsControl
from posthouse.placement import places, unusable

from .settings import Directory, Settings

_ATTRIBUTES = ["uid", "mailHost", "entryUUID", "accountStatus"]
_PERSON = "(&(objectClass=qmailUser)(!(objectClass=qmailGroup))(uid=*))"
_PAGE = 1000


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


def everybody(settings: Settings) -> list[Person]:
    """Return all people whose mail this machine keeps, by name. Raises DirectoryAwayError."""
    return sorted(_mine(settings, _found(settings, _PERSON)), key=lambda one: one.uid)


def some(settings: Settings, uids: Iterable[str]) -> list[Person]:
    """Return the people of these names whom the directory has, wherever their mail is kept. Raises DirectoryAwayError."""
    named = "".join(f"(uid={ldap.filter.escape_filter_chars(uid)})" for uid in uids)
    return sorted(_found(settings, f"(&{_PERSON}(|{named}))"), key=lambda one: one.uid) if named else []


def _mine(settings: Settings, people: Iterable[Person]) -> Iterator[Person]:
    return (one for one in people if settings.hostname in places(one.uid, settings.machines, settings.copies))


def _found(settings: Settings, query: str) -> list[Person]:
    """Search once for everybody, then once for each class, so that the directory's own idea of a filter counts."""
    connection = _connected(settings.directory)
    try:
        entries = dict(_search(connection, settings.directory, query, _ATTRIBUTES))
        kinds: dict[str, tuple[str, int]] = {}
        for kind in settings.classes:
            for dn, _ in _search(connection, settings.directory, f"(&{query}{kind.filter})", ["uid"]):
                kinds.setdefault(dn, (kind.name, kind.days))
    except ldap.LDAPError as fault:
        raise _away(fault) from fault
    finally:
        with suppress(ldap.LDAPError):
            connection.unbind_s()
    return [_person(settings, one, *kinds.get(dn, ("", settings.days))) for dn, one in entries.items()]


def _person(settings: Settings, entry: Mapping[str, Sequence[bytes]], kind: str, days: int) -> Person:
    one = {name.lower(): values[0].decode("utf-8", "replace") for name, values in entry.items() if values}
    uid, store = one["uid"], one.get("mailhost", settings.default_store).lower()
    refused = unusable(uid) or ("" if store in settings.stores else f"their mailHost {store!r} is no mailstore")
    return Person(uid=uid, store=store, entry=one.get("entryuuid", ""), kind=kind, days=days, refused=refused)


def _search(
    connection: Any, directory: Directory, query: str, attributes: list[str]
) -> Iterator[tuple[str, Mapping[str, Sequence[bytes]]]]:
    page = SimplePagedResultsControl(True, size=_PAGE, cookie="")
    while True:
        number = connection.search_ext(directory.base, ldap.SCOPE_SUBTREE, query, attributes, serverctrls=[page])
        _, entries, _, controls = connection.result3(number, timeout=max(60.0, directory.patience))
        yield from ((dn, entry) for dn, entry in entries if dn is not None)
        page.cookie = next((one.cookie for one in controls if one.controlType == page.controlType), "")
        if not page.cookie:
            return


def _connected(directory: Directory) -> Any:
    last: ldap.LDAPError = ldap.SERVER_DOWN()
    for uri in directory.uris:
        connection = ldap.ldapobject.SimpleLDAPObject(uri)
        try:
            connection.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
            connection.set_option(ldap.OPT_REFERRALS, 0)
            connection.set_option(ldap.OPT_NETWORK_TIMEOUT, directory.patience)
            connection.set_option(ldap.OPT_TIMEOUT, directory.patience)
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, directory.ca)
            connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
            connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
            if not uri.startswith("ldaps:"):
                connection.start_tls_s()
            connection.simple_bind_s(directory.bind_dn, directory.password)
        except ldap.LDAPError as fault:
            last = fault
            with suppress(ldap.LDAPError):
                connection.unbind_s()
            continue
        return connection
    raise _away(last)


def _away(fault: ldap.LDAPError) -> DirectoryAwayError:
    detail = fault.args[0] if fault.args and isinstance(fault.args[0], dict) else {}
    return DirectoryAwayError(f"no directory server answers: {detail.get('desc') or type(fault).__name__}")
