"""Ask the directory's servers, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import ldap
import ldap.filter
from ldap.controls.libldap import SimplePagedResultsControl
from posthouse.ldapserver import connected, described

from .people import DirectoryAwayError
from .settings import Directory

#: What the directory says of somebody.
Entry = Mapping[str, Sequence[bytes]]
_PAGE = 1000


def named(uids: Sequence[str]) -> str:
    """Return the filter that finds the people of these names."""
    return "(|" + "".join(f"(uid={ldap.filter.escape_filter_chars(uid)})" for uid in uids) + ")"


@contextmanager
def searching(directory: Directory) -> Iterator[Any]:
    """Yield a function of a filter and attributes that returns entries by DN. Raises DirectoryAwayError."""
    try:
        connection = connected(directory)
    except ldap.LDAPError as fault:
        raise _away(fault) from fault
    try:
        yield lambda query, attributes: dict(_search(connection, directory, query, attributes))
    except ldap.LDAPError as fault:
        raise _away(fault) from fault
    finally:
        with suppress(ldap.LDAPError):
            connection.unbind_s()


def _search(connection: Any, directory: Directory, query: str, attributes: list[str]) -> Iterator[tuple[str, Entry]]:
    page = SimplePagedResultsControl(True, size=_PAGE, cookie="")
    while True:
        number = connection.search_ext(directory.base, ldap.SCOPE_SUBTREE, query, attributes, serverctrls=[page])
        _, entries, _, controls = connection.result3(number, timeout=max(60.0, directory.patience))
        yield from ((dn, entry) for dn, entry in entries if dn is not None)
        page.cookie = next((one.cookie for one in controls if one.controlType == page.controlType), "")
        if not page.cookie:
            return


def _away(fault: ldap.LDAPError) -> DirectoryAwayError:
    return DirectoryAwayError(f"no directory server answers: {described(fault)}")
