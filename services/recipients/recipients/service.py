"""The running service: follow the directory, write the table, tell how it is."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posthouse.notify import notify

from .guard import Guard
from .mirror import Connect, DirectoryError, Mirror, Session
from .published import Published
from .settings import Settings
from .table import PENDING, compose, given, lacks_owners, nobody_yet, pending

_log = logging.getLogger(__name__)
#: Seconds between attempts while no server answers.
_RETRY = 5.0
#: Seconds without any server after which it is worth a warning: after a power cut all machines start together.
_ALARM = 60.0


class Service:
    """One loop: sessions with servers, one after the other, and the table that follows from them."""

    def __init__(self, settings: Settings, connect: Connect) -> None:
        self._settings = settings
        self._connect = connect
        self._mirror = Mirror()
        self._guard = Guard(settings.loss_percent, settings.loss_tolerated)
        self._session: Session | None = None
        self._server = 0
        self._settle = settings.settle
        #: Servers that are away: it is said once of each, and once that it is back.
        self._away: set[str] = set()
        #: Since when no server has been of use, and whether that has been said.
        self._alone_since = 0.0
        self._alarmed = False
        self._published = Published(Path(settings.table + ".cdb"))
        #: Whether that is more than everybody's 451.
        self._serving = False
        #: Why the table could not be written last time: it is said once.
        self._failing = ""
        self._changed_at: float | None = None
        self._due = self._retry_at = 0.0
        self._heard_at = 0.0
        self._accept_loss = False
        self._stopping = False
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Condition()
        self._asked: list[bool] = []
        self._attempts = 0
        self._status: dict[str, Any] = {
            "state": "starting",
            "server": None,
            "written": None,
            "refreshed": None,
            "objection": None,
            "fault": None,
        }
        self._status |= {"valid": 0, "disabled": 0, "deleted": 0, "ignored": 0, "people": 0}

    def start(self) -> None:
        """Look at the last good copy, if there is one: Postfix is using it already."""
        nobody = pending(self._settings)
        try:
            records = self._published.read()
            self._serving = bool(records) and not all(records.get(key) == reply for key, reply in nobody.items())
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as fault:
            _log.error("the last good copy cannot be read: %s", fault)
        if self._serving:
            self._guard.remember(time.monotonic(), given(self._published.records, self._settings))
            self._status["state"] = "stale"
            _log.info("the last good copy serves: %s", self._published.path)
            if lacks_owners(self._published.records, self._settings):
                self._write(self._published.records | nobody_yet(self._settings))
        elif not self._write(nobody):
            _log.info("no copy yet: everybody is answered 451 until the directory has been read")

    # --- from other threads ------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the loop soon. May be called from a signal handler."""
        self._stopping = True
        self._wake()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request of an operator."""
        if request.get("do") == "refresh":
            with self._lock:
                before = self._attempts
                self._asked.append(bool(request.get("accept_loss")))
                self._wake()
                self._lock.wait_for(lambda: self._attempts > before, timeout=100)
        elif request.get("do") != "status":
            return {"error": f"unknown request {request.get('do')!r}"}
        with self._lock:
            return dict(self._status)

    def _wake(self) -> None:
        # When the pipe is full, enough are waiting to be noticed.
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    # --- the loop ----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until stopped."""
        self.start()
        if self._serving:
            self._ready()
        while not self._stopping:
            self.step()
        notify("STOPPING=1")
        self._leave()

    def step(self) -> None:
        """Do what is due, then sleep until something happens."""
        now = time.monotonic()
        self._take_requests()
        if self._stopping:
            return  # What woke the loop has just been read away.
        if self._session and now >= self._due and not self._mirror.refreshing:
            self._leave()
        if not self._session and now >= self._retry_at:
            self._enter(now)
        elif self._session and self._mirror.refreshing and now - self._heard_at > self._settings.patience:
            self._lose(f"{self._session.uri}: no answer for {self._settings.patience:g} s")
        self._listen(self._timeout(time.monotonic()))
        if self._changed_at is not None and time.monotonic() >= self._changed_at + self._settle:
            self._publish()
        notify("WATCHDOG=1")

    def _timeout(self, now: float) -> float:
        moments = [self._due if self._session else self._retry_at, now + 20]
        if self._session and self._mirror.refreshing:
            moments = [self._heard_at + self._settings.patience, now + 20]
        if self._changed_at is not None:
            moments.append(self._changed_at + self._settle)
        return max(0.0, min(moments) - now)

    def _take_requests(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        with self._lock:
            asked, self._asked = self._asked, []
        if asked:
            self._accept_loss = self._accept_loss or any(asked)
            self._due = self._retry_at = 0.0
            if self._session:
                self._leave()

    def _enter(self, now: float) -> None:
        uri = self._settings.uris[self._server]
        try:
            self._session = self._connect(uri, self._settings, self._mirror)
        except DirectoryError as fault:
            self._lose(str(fault))
            return
        self._heard_at = time.monotonic()
        self._due = now + self._settings.refresh

    def _leave(self) -> None:
        if self._session:
            self._session.close()
            self._session = None

    def _lose(self, fault: str) -> None:
        """The server is away: turn to the next. Only when all have been asked in vain is there a pause."""
        self._leave()
        uri = self._settings.uris[self._server]
        if uri not in self._away:
            _log.info("%s", fault)
        self._away.add(uri)
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since >= _ALARM and not self._alarmed:
            self._alarmed = True
            _log.warning("no directory server has answered for %d s, the last one asked: %s", now - self._alone_since, fault)
        self._server = (self._server + 1) % len(self._settings.uris)
        if self._server == 0:
            self._retry_at = time.monotonic() + _RETRY
        with self._lock:
            if self._status["state"] == "current":
                self._status["state"] = "stale"
            self._status |= {"server": None, "fault": fault}
        self._attempted()

    def _listen(self, timeout: float) -> None:
        waiting = [self._wake_read, *([self._session.fileno()] if self._session else [])]
        select.select(waiting, [], [], timeout)
        if not self._session:
            return
        before = self._mirror.refreshes
        try:
            # Also without a word from select: TLS may hold back what has already been read from the socket.
            if self._session.receive():
                self._heard_at = time.monotonic()
        except DirectoryError as fault:
            self._lose(str(fault))
            return
        if self._mirror.refreshes > before:
            self._refreshed()
        if self._mirror.changed and self._changed_at is None:
            self._changed_at = time.monotonic()

    def _refreshed(self) -> None:
        assert self._session
        if self._session.uri in self._away:
            self._away.remove(self._session.uri)
            _log.info("%s answers again", self._session.uri)
        self._alone_since, self._alarmed = 0.0, False
        self._server = 0
        with self._lock:
            self._status |= {"server": self._session.uri, "refreshed": _now(), "fault": None}
        # A refresh is complete in itself: nothing more to wait for.
        self._publish()

    def _publish(self) -> None:
        self._mirror.changed, self._changed_at = False, None
        began = time.monotonic()
        table = compose(self._mirror.people.values(), self._settings)
        if self._accept_loss:
            self._guard.forget()
        objection = "" if self._accept_loss else self._guard.objection(began, table.size)
        records = table.records
        if objection:
            if objection != self._status["objection"]:
                _log.error("%s: they stay as they were; if they are really gone, say: recipients refresh --accept-loss", objection)
            # Who is new or has changed is believed all the same: it is the losses that are not.
            records = self._published.records | (records if self._serving else {})
            if self._serving:
                records.pop(PENDING, None)
        fault = self._write(records)
        if not objection and not fault:
            self._guard.remember(began, table.size)
            self._serving = True
        self._accept_loss = self._accept_loss and bool(fault)
        # Writing takes longer for a large table: changes are collected for as long then, so that half of the time at most goes into it.
        self._settle = max(self._settings.settle, time.monotonic() - began)
        with self._lock:
            self._status |= {
                "objection": objection or None,
                "state": "stale" if fault else "refused" if objection else "current",
                "fault": fault or None,
            }
            if not objection and not fault:
                self._status |= {name: getattr(table, name) for name in ("valid", "disabled", "deleted", "ignored")}
                self._status["people"] = sum(bool(one.addresses or one.ignored) for one in self._mirror.people.values())
        self._attempted()

    def _write(self, records: dict[bytes, bytes]) -> str:
        """Put the table where Postfix reads it; say why that was not possible, or nothing."""
        try:
            written = self._published.write(records)
        except (OSError, ValueError) as fault:
            # The old one serves, and each refresh tries again.
            said = f"the table cannot be written: {fault}"
            if said != self._failing:
                _log.error("%s", said)
            self._failing = said
            return said
        self._failing = ""
        if written:
            _log.info("table of %d records written", len(records))
            with self._lock:
                self._status["written"] = _now()
        return ""

    def _attempted(self) -> None:
        with self._lock:
            self._attempts += 1
            self._lock.notify_all()
        self._ready()

    def _ready(self) -> None:
        status = self._status
        said = f"{status['state']}: {status['valid']} valid, {status['disabled']} disabled, {status['deleted']} deleted"
        notify("READY=1", f"STATUS={said} ({status['server'] or status['fault'] or 'no server yet'})")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
