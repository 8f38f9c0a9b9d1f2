"""Connect to the directory's servers, one after the other."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

import ldap
import ldap.ldapobject


class Directory(Protocol):
    """What has to be known of them.

    uris: ldap:// is secured by StartTLS, ldaps:// is already. ca: file of the authority that their certificates are from. patience:
    seconds; a server that does not answer for this long is away.
    """

    @property
    def uris(self) -> list[str]: ...  # noqa: D102  told above
    @property
    def bind_dn(self) -> str: ...  # noqa: D102
    @property
    def password(self) -> str: ...  # noqa: D102
    @property
    def ca(self) -> str: ...  # noqa: D102
    @property
    def patience(self) -> float: ...  # noqa: D102


def connected(directory: Directory) -> Any:
    """Return a connection to the first server that answers, as the identity that is ours. Raises ldap.LDAPError when none does."""
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
    raise last


def described(fault: ldap.LDAPError) -> str:
    """Say in a few words what a server, or the library, said. What it adds of its own may name entries, and is left out."""
    detail = fault.args[0] if fault.args and isinstance(fault.args[0], dict) else {}
    return str(detail.get("desc") or type(fault).__name__)
