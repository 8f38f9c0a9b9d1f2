"""What becomes of a letter, from Postfix's question to the answer, the log line and the letters of our own."""

from __future__ import annotations

import ipaddress
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol

from posthouse.journal import NOTICE

from .counting import Counter
from .letters import Occasion, compose
from .limits import NONE, Holder, Numbers, Verdict
from .policy import Request
from .settings import Settings

_log = logging.getLogger(__name__)
DUNNO = "DUNNO"
_REMEMBERED = 2000


class People(Protocol):
    """Knows what the directory says of people."""

    def find(self, login: str) -> tuple[int | None, str]:
        """Return a person's own number, if there is one, and the address."""

    def status(self) -> Mapping[str, object]:
        """Say how it is."""


class Service:
    """Answers questions. Safe for threads."""

    def __init__(self, settings: Settings, counter: Counter, people: People | None, send: Callable[[Any], None]) -> None:
        """send: takes a letter of our own, and does not make anybody wait."""
        self._settings, self._counter, self._people, self._send = settings, counter, people, send
        self._answered: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def decide(self, request: Request) -> str:
        """Return the action for a question of Postfix, or the answer to one of the command's."""
        kind = request.get("request", "")
        if kind.startswith("rates_"):
            return json.dumps(self._told(kind, request))
        if kind != "smtpd_access_policy" or request.get("protocol_state") != "END-OF-MESSAGE":
            # Only then is the number of recipients known (SMTPD_POLICY_README).
            return DUNNO
        instance = request.get("instance", "")
        with self._lock:
            if instance and instance in self._answered:
                # Postfix lost the connection before the answer and asks again: it is the same letter.
                return self._answered[instance]
        action = self._judged(request)
        with self._lock:
            self._answered[instance] = action
            while len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)
        return action

    def _judged(self, request: Request) -> str:
        client = request.get("client_address", "")
        login = _name(request.get("sasl_username", ""))
        recipients = _number(request.get("recipient_count", ""))
        if login:
            holder = Holder("person", login)
            numbers, address = self._person(login)
        else:
            try:
                if ipaddress.ip_address(client).is_loopback:
                    return DUNNO
                holder, numbers = self._settings.networks.device(client)
            except ValueError:
                # Postfix did not learn the address of a client that had gone by then.
                return DUNNO
            address = self._settings.postmaster
        if numbers.hard == NONE:
            return DUNNO
        count = self._counter.count(holder, recipients, numbers)
        words = f"{_safe(str(holder))} recipients={recipients} used={count.used} soft={numbers.soft} hard={numbers.hard}"
        words += f" queue_id={_safe(request.get('queue_id', ''))} client={_safe(client)}"
        if count.verdict is Verdict.LATER:
            _log.log(NOTICE, "too many letters wait, this one is put off: %s", words)
            return "451 4.7.1 Too many of your letters wait to be looked at; please try again later"
        if count.verdict is Verdict.HOLD:
            _log.log(NOTICE, "kept: %s", words)
            if count.tell_hard:
                self._tell(Occasion.HARD, holder, address, numbers, count.used, recipients)
            return f"HOLD more than {numbers.hard} recipients in {self._settings.window:g} s by {_safe(str(holder))}"
        if count.tell_soft:
            _log.log(NOTICE, "warned: %s", words)
            self._tell(Occasion.SOFT, holder, address, numbers, count.used, recipients)
        return DUNNO

    def _person(self, login: str) -> tuple[Numbers, str]:
        hard, address = self._people.find(login) if self._people else (None, "")
        numbers = self._settings.person if hard is None else self._settings.person.with_hard(hard)
        return numbers, address or self._settings.postmaster

    def _tell(self, occasion: Occasion, holder: Holder, address: str, numbers: Numbers, used: int, recipients: int) -> None:
        to = [address]
        if occasion is Occasion.HARD and self._settings.postmaster not in to:
            # Somebody has to look at it.
            to.append(self._settings.postmaster)
        for one in to:
            self._send(compose(self._settings, occasion, holder, one, numbers, used, recipients))

    # --- Questions of the command -----------------------------------------------------------------------------------------------

    def _told(self, kind: str, request: Request) -> Mapping[str, object]:
        if kind == "rates_status":
            return {"counting": self._counter.status(), "directory": self._people.status() if self._people else None}
        if kind == "rates_list":
            most = _number(request.get("most", ""))
            return {"holders": [self._row(holder, used, kept) for holder, used, kept in self._counter.all()[:most]]}
        if kind == "rates_show" and request.get("kind") in {"person", "device"}:
            holder = Holder(request["kind"], _name(request.get("name", "")))
            try:
                holder = self._settings.networks.device(holder.name)[0] if holder.kind == "device" else holder
            except ValueError:
                return {"error": f"{holder.name} is no address"}
            return self._row(holder, *self._counter.used(holder))
        return {"error": "unknown question"}

    def _row(self, holder: Holder, used: int, kept: int) -> dict[str, object]:
        numbers = self._person(holder.name)[0] if holder.kind == "person" else self._settings.networks.device(holder.name)[1]
        row: dict[str, object] = {"kind": holder.kind, "name": holder.name, "used": used, "soft": numbers.soft, "hard": numbers.hard}
        return row | {"kept": kept}


def _number(text: str) -> int:
    # Postfix says 0 when it does not know; a letter has a recipient.
    return max(int(text), 1) if text.isascii() and text.isdigit() else 1


def _name(login: str) -> str:
    """Return a login in the one form in which it is counted and stored."""
    return login.encode(errors="replace").decode().lower()[:200]


def _safe(text: str) -> str:
    """Write what a client said so that it is one word of a log line."""
    return "".join(one if one.isascii() and one.isprintable() and one not in " =\"'\\" else "?" for one in text[:200])
