"""The session as libmilter knows it (python3-milter)."""

from __future__ import annotations

import logging
from typing import Any

import Milter

from .session import REPLY, Session
from .settings import Action, Watched

_log = logging.getLogger(__name__)
#: Seconds of silence after which a connection of Postfix is given up; it waits for clients that write slowly.
_PATIENCE = 7200


def serve(socket: str, settings: Watched) -> bool:
    """Answer Postfix until a signal ends it; say whether it went well. socket: as libmilter writes it."""
    Milter.factory = lambda: _Connection(settings)
    Milter.set_flags(Milter.QUARANTINE)
    Milter.set_exception_policy(Milter.TEMPFAIL)
    try:
        Milter.runmilter("posthouse-skim", socket, timeout=_PATIENCE)
    except Milter.error as fault:
        _log.error("%s: %s", socket, fault)
        return False
    return True


class _Connection(Milter.Base):  # type: ignore[misc]  # python3-milter has no types
    """What libmilter calls. Only the end of a letter is answered, and bodies are not asked for."""

    def __init__(self, settings: Watched) -> None:
        self._session = Session(settings.now())

    @Milter.noreply  # type: ignore[untyped-decorator]
    def connect(self, _name: str, _family: int, address: Any) -> Any:
        # A pair for IPv4, a longer tuple for IPv6, a path or nothing for others.
        self._session.connect(str(address[0]) if isinstance(address, tuple) else "")
        return Milter.CONTINUE

    @Milter.noreply  # type: ignore[untyped-decorator]
    def envfrom(self, sender: str, *_parameters: str) -> Any:
        self._session.mail(sender, self.getsymval("{auth_authen}") or "")
        return Milter.CONTINUE

    @Milter.noreply  # type: ignore[untyped-decorator]
    def envrcpt(self, _recipient: str, *_parameters: str) -> Any:
        self._session.recipient()
        return Milter.CONTINUE

    @Milter.noreply  # type: ignore[untyped-decorator]
    def header(self, name: str, value: str) -> Any:
        self._session.header(name, value)
        return Milter.CONTINUE

    def eom(self) -> Any:
        verdict = self._session.end(self.getsymval("i") or "")
        if verdict.action is Action.REJECT:
            self.setreply("550", "5.7.1", REPLY)
            return Milter.REJECT
        if verdict.action is Action.HOLD:
            self.quarantine(verdict.reason)
        return Milter.ACCEPT
