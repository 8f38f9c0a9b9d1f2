"""What the directory says of people: their own number, and where they are written to."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ldap
import ldap.filter
from posthouse.ldapserver import connected, described

from .people import NUMBER, Found, person
from .settings import Directory

_log = logging.getLogger(__name__)
_MOST = 50_000
#: Seconds without any server after which it is worth a warning.
_ALARM = 60.0


class LdapPeople:
    """Asks servers in turn. What was known last counts while none answers. Safe for threads."""

    def __init__(self, settings: Directory) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, Found]] = OrderedDict()
        self._connection: Any = None
        self._away_since: float | None = None
        self._alarmed = False
        self._fault = ""

    def find(self, login: str) -> Found:
        """Return a person's own number, if there is one, and the address, if there is one."""
        with self._lock:
            now = time.monotonic()
            until, found = self._known.get(login, (0.0, (None, "")))
            if now < until or self._away_since is not None:
                return found
            try:
                found = self._asked(login)
            except ldap.LDAPError as fault:
                self._lost(fault)
                return found
            self._known[login] = (now + self._settings.fresh, found)
            self._known.move_to_end(login)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
            return found

    def status(self) -> Mapping[str, object]:
        """Say whether a server answers."""
        return {"state": "current" if self._away_since is None else "away", "fault": self._fault or None}

    def upkeep(self) -> None:
        """Try servers that are away, so that no letter has to wait for them. For one thread."""
        if self._away_since is None:
            return
        try:
            connection = connected(self._settings)
        except ldap.LDAPError as fault:
            with self._lock:
                self._lost(fault)
            return
        with self._lock:
            self._close()
            self._connection = connection
            self._away_since, self._alarmed, self._fault = None, False, ""
        _log.info("the directory answers again")

    def _asked(self, login: str) -> Found:
        query = f"(uid={ldap.filter.escape_filter_chars(login)})"
        for attempt in range(2):
            fresh = self._connection is None
            if fresh:
                self._connection = connected(self._settings)
            try:
                entries = self._connection.search_ext_s(
                    self._settings.base, ldap.SCOPE_SUBTREE, query, [NUMBER, "mail"], timeout=self._settings.patience, sizelimit=2
                )
                break
            except ldap.LDAPError:
                self._close()
                # A server that was restarted has closed what was open; a new connection tells whether it is there.
                if fresh or attempt:
                    raise
        return person(entries)

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(ldap.LDAPError):
                self._connection.unbind_s()
        self._connection = None

    def _lost(self, fault: ldap.LDAPError) -> None:
        now = time.monotonic()
        self._fault = described(fault)
        if self._away_since is None:
            self._away_since = now
            _log.info("no directory server answers, what is known counts: %s", self._fault)
        elif not self._alarmed and now - self._away_since >= _ALARM:
            self._alarmed = True
            _log.warning("no directory server has answered for %d s, what is known counts: %s", now - self._away_since, self._fault)
