"""One connection to a directory: what stands there, read with one search, and what shall stand there, written side by side."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from .order import levels, release_first
from .plan import Change, DirectoryError, Entry, Plan, Values, Wanted, display_name
from .schema import OWNED_ADDRESSES
from .values import dn_key, escape_filter_value

# Up to here a call asks for its own entries and for whoever holds their addresses; beyond, reading all is quicker.
_ASK_FOR_EACH = 200
_INVALID_CREDENTIALS = 49
_NO_SUCH_OBJECT = 32
_CHANGES = {"add": ldap3.MODIFY_ADD, "delete": ldap3.MODIFY_DELETE, "replace": ldap3.MODIFY_REPLACE}


class Directory:
    """A bound connection. Close it with `close`."""

    def __init__(
        self, uri: str, *, bind_dn: str, bind_password: str, start_tls: bool, ca_file: str | None, window: int, timeout: int
    ) -> None:
        """Connect and bind.

        uri: ldap://, ldaps:// or ldapi:///PATH. bind_dn: empty for SASL EXTERNAL, which is who we are on the unix socket.
        ca_file: the authority that the server's certificate must have. window: requests under way. timeout: seconds to wait.
        Raises DirectoryError.
        """
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=ca_file, version=ssl.PROTOCOL_TLS_CLIENT) if "ldapi" not in uri else None
        self._server = ldap3.Server(uri, get_info=ldap3.NONE, tls=tls, connect_timeout=timeout)
        self._start_tls = start_tls and uri.startswith("ldap:")
        self._window = window
        self.searches = 0
        if self._start_tls:
            # In ldap3's asynchronous strategy a certificate that is refused ends a thread and nobody hears why: ask here first.
            self._bind(trial := self._connect(bind_dn, bind_password, ldap3.SYNC))
            trial.unbind()
        self._connection = self._connect(bind_dn, bind_password, ldap3.ASYNC)
        if not self._bind(self._connection):
            raise DirectoryError(f"{uri} refuses {bind_dn or 'SASL EXTERNAL'}: {self._connection.last_error or 'invalid credentials'}")

    def _connect(self, dn: str, password: str, strategy: str) -> Any:
        who = (
            {"user": dn, "password": password}
            if dn
            else {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.EXTERNAL, "sasl_credentials": ""}
        )
        return ldap3.Connection(
            self._server,
            client_strategy=strategy,
            auto_bind=ldap3.AUTO_BIND_NONE,
            check_names=False,
            auto_encode=False,
            return_empty_attributes=False,
            **who,
        )

    def _bind(self, connection: Any) -> bool:
        try:
            connection.open(read_server_info=False)
            if self._start_tls and not connection.start_tls(read_server_info=False):
                raise DirectoryError(f"{self._server.name}: StartTLS failed: {connection.last_error}")
            return bool(connection.bind(read_server_info=False))
        except (LDAPException, OSError) as error:
            raise DirectoryError(f"{self._server.name}: {error}") from error

    def close(self) -> None:
        """Leave politely, and not before the thread that listens has gone: it would listen on the next connection's socket."""
        receiver = getattr(self._connection.strategy, "receiver", None)
        self._connection.unbind()
        if receiver is not None:
            receiver.join(5)

    def read(self, base: str, wanted: list[Wanted]) -> dict[str, Entry]:
        """Read the wanted entries and all that hold an address of theirs.

        Returns entries by dn_key; a base that is not there yet holds none. Raises DirectoryError.
        """
        if not wanted:
            return {}
        names = {display_name(name) for item in wanted for name in item.attributes} | {"objectClass", "mail", "mailAlternateAddress"}
        query = self._query(wanted) if len(wanted) <= _ASK_FOR_EACH else "(objectClass=*)"
        self.searches += 1
        try:
            message = self._connection.search(base, query, ldap3.SUBTREE, attributes=sorted(names))
            response, result = self._connection.get_response(message, timeout=600)
        except LDAPException as error:
            raise DirectoryError(f"search under {base}: {error}") from error
        if result["result"] not in {0, _NO_SUCH_OBJECT}:
            raise DirectoryError(f"search under {base}: {_sentence(result)}")
        return {dn_key(item["dn"]): _entry(item) for item in response or () if item["type"] == "searchResEntry"}

    @staticmethod
    def _query(wanted: list[Wanted]) -> str:
        terms = {f"(entryDN={escape_filter_value(item.dn)})" for item in wanted}
        for item in wanted:
            for address in (value for name in OWNED_ADDRESSES for value in item.attributes.get(name, ())):
                value = escape_filter_value(address)
                terms |= {f"(mail={value})", f"(mailAlternateAddress={value})"}
        return f"(|{''.join(sorted(terms))})"

    def wrong_passwords(self, expected: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return those DNs, with their password, that a bind does not let in: only the server knows what a hash means."""
        wrong = []
        for dn, password in expected:
            connection = self._connect(dn, password, ldap3.SYNC)
            welcome = self._bind(connection)
            result = connection.result
            connection.unbind()
            if welcome:
                continue
            if result["result"] != _INVALID_CREDENTIALS:
                raise DirectoryError(f"{dn}: bind: {_sentence(result)}")
            wrong.append((dn, password))
        return wrong

    def write(self, plan: Plan) -> None:
        """Carry a plan out. Stops at the first refusal and raises DirectoryError, which says what had been written by then."""
        self._written = 0
        for dn in sorted(plan.delete, key=lambda dn: -len(dn_key(dn).split(","))):
            self._run([(dn, self._deletion(dn))])
        giving, taking = release_first(plan)
        self._run((dn, self._modification(dn, changes)) for dn, changes in giving)
        for level in levels(plan.create):
            self._run((dn, self._addition(dn, attributes)) for dn, attributes in level)
        self._run((dn, self._modification(dn, changes)) for dn, changes in taking)

    def _deletion(self, dn: str) -> Callable[[], int]:
        return lambda: self._connection.delete(dn)

    def _addition(self, dn: str, attributes: Values) -> Callable[[], int]:
        named = {display_name(name): values for name, values in attributes.items()}
        return lambda: self._connection.add(dn, None, named)

    def _modification(self, dn: str, changes: list[Change]) -> Callable[[], int]:
        steps: dict[str, list[tuple[str, list[str]]]] = {}
        for kind, name, values in changes:
            steps.setdefault(name, []).append((_CHANGES[kind], values))
        return lambda: self._connection.modify(dn, steps)

    def _run(self, requests: Iterable[tuple[str, Callable[[], int]]]) -> None:
        """Send requests with at most `window` unanswered: a server that waits for its disk for one works on the next."""
        pending: deque[tuple[str, int]] = deque()
        failures: list[str] = []
        try:
            for dn, send in requests:
                if len(pending) >= self._window:
                    self._settle(pending, failures)
                if failures:
                    break
                pending.append((dn, send()))
            while pending:
                self._settle(pending, failures)
        except LDAPException as error:
            raise DirectoryError(f"{error}; {self._written} entries were written before") from error
        if failures:
            raise DirectoryError(f"{'; '.join(failures[:20])}; {self._written} entries were written")

    def _settle(self, pending: deque[tuple[str, int]], failures: list[str]) -> None:
        dn, message = pending.popleft()
        _response, result = self._connection.get_response(message, timeout=120)
        if result["result"] == 0:
            self._written += 1
        else:
            failures.append(f"{dn}: {_sentence(result)}")


def _sentence(result: dict[str, Any]) -> str:
    return f"{result.get('description', 'no answer')} ({result.get('message') or result.get('result')})"


def _entry(item: dict[str, Any]) -> Entry:
    return Entry(
        item["dn"],
        {name.lower(): [value.decode(errors="surrogateescape") for value in values] for name, values in item["raw_attributes"].items()},
    )
