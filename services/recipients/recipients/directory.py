"""Follow a directory server by content synchronisation (RFC 4533, refreshAndPersist)."""

from __future__ import annotations

import contextlib

import ldap
import ldap.ldapobject
import ldap.syncrepl

from .mirror import DirectoryError, Mirror
from .settings import Settings
from .table import ATTRIBUTES, GROUPS, OWNERS, person

#: A server that has gone without a word is noticed after this many seconds, by TCP keepalive.
_IDLE = 30


class _Consumer(ldap.ldapobject.SimpleLDAPObject, ldap.syncrepl.SyncreplConsumer):  # type: ignore[misc]  # python-ldap has no types
    """What python-ldap calls with each message of the server."""

    def __init__(self, uri: str, mirror: Mirror, names: bool) -> None:
        ldap.ldapobject.SimpleLDAPObject.__init__(self, uri)
        self._mirror = mirror
        self._names = names

    def syncrepl_get_cookie(self) -> None:
        # No cookie: each session begins with everything, so a session is a full refresh and there is no state to go stale.
        return None

    def syncrepl_set_cookie(self, cookie: str) -> None:
        pass

    def syncrepl_entry(self, dn: str, attributes: dict[str, list[bytes]], uuid: str) -> None:
        self._mirror.put(uuid, person(attributes, dn if self._names else ""))

    def syncrepl_delete(self, uuids: list[str]) -> None:
        for uuid in uuids:
            self._mirror.drop(uuid)

    def syncrepl_present(self, uuids: list[str] | None, refreshDeletes: bool = False) -> None:  # noqa: N803  python-ldap's name
        pass

    def syncrepl_refreshdone(self) -> None:
        self._mirror.complete()


class LdapSession:
    """One connection to one server, from its refresh on."""

    def __init__(self, uri: str, settings: Settings, mirror: Mirror) -> None:
        """Connect, bind and ask for everything. Raises DirectoryError."""
        self.uri = uri
        self._consumer = consumer = _Consumer(uri, mirror, settings.senders)
        try:
            consumer.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
            consumer.set_option(ldap.OPT_NETWORK_TIMEOUT, settings.patience)
            consumer.set_option(ldap.OPT_TIMEOUT, settings.patience)
            consumer.set_option(ldap.OPT_X_TLS_CACERTFILE, settings.ca)
            consumer.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
            consumer.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
            consumer.set_option(ldap.OPT_X_KEEPALIVE_IDLE, _IDLE)
            consumer.set_option(ldap.OPT_X_KEEPALIVE_PROBES, 3)
            consumer.set_option(ldap.OPT_X_KEEPALIVE_INTERVAL, 10)
            consumer.start_tls_s()
            consumer.simple_bind_s(settings.bind_dn, settings.password)
            entries = f"(|{settings.filter}{GROUPS})" if settings.senders else settings.filter
            asked = ATTRIBUTES + (OWNERS if settings.senders else [])
            self._message = consumer.syncrepl_search(
                settings.base, ldap.SCOPE_SUBTREE, mode="refreshAndPersist", filterstr=entries, attrlist=asked
            )
        except (ldap.LDAPError, ValueError) as fault:
            self.close()
            raise DirectoryError(f"{uri}: {reason(fault)}") from fault
        mirror.begin()

    def fileno(self) -> int:
        """Return the connection's descriptor, for select."""
        return int(self._consumer.fileno())

    def receive(self) -> bool:
        """Take in all that has come; say whether anything has. Raises DirectoryError when the server is lost."""
        heard = False
        try:
            while True:
                # Not 0: python-ldap 3.4 raises TypeError for a poll without a message when controls are asked for.
                if not self._consumer.syncrepl_poll(msgid=self._message, timeout=0.001):
                    raise DirectoryError(f"{self.uri}: the server ended the synchronisation")
                heard = True
        except ldap.TIMEOUT:
            return heard
        except ldap.LDAPError as fault:
            raise DirectoryError(f"{self.uri}: {reason(fault)}") from fault

    def close(self) -> None:
        """End the connection, whatever state it is in."""
        # Where it is gone already, that is what was wanted.
        with contextlib.suppress(ldap.LDAPError, AttributeError):
            self._consumer.unbind_s()


def reason(fault: BaseException) -> str:
    """Say in one line what python-ldap raised."""
    detail = fault.args[0] if fault.args else None
    if isinstance(detail, dict):
        return ": ".join(str(detail[key]) for key in ("desc", "info") if detail.get(key)) or type(fault).__name__
    return str(fault) or type(fault).__name__
