"""Ask the directory's servers, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import ldap
import ldap.filter
import ldap.ldapobject
from ldap.controls.libldap import SimplePagedResultsControl

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
    connection = _connected(directory)
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
