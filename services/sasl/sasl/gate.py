"""Carry Dovecot's authentication protocol to and fro, and end the conversation where one side would misunderstand the other.

Postfix reads FAIL as "wrong password" (535), whatever code Dovecot adds to it; an answer that never comes is a fault to it (454). So an
answer that only says that nobody knows is not handed on: the connection ends instead. The protocol is Dovecot's own, lines of fields with
a tab between them (https://doc.dovecot.org/latest/core/config/auth/auth_protocol.html).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from .settings import Settings

_log = logging.getLogger(__name__)
_PAUSE = 0.1


def is_fault(line: bytes) -> bool:
    """Tell whether a line of Dovecot's says that a login could not be tried."""
    fields = line.rstrip(b"\n").split(b"\t")
    return fields[0] == b"FAIL" and bool({b"temp", b"code=temp_fail"} & set(fields[2:]))


def in_the_clear(line: bytes) -> bool:
    """Tell whether a line of the mail server's brings a password that came without TLS."""
    fields = line.rstrip(b"\n").split(b"\t")
    return fields[0] == b"AUTH" and not any(field == b"secured" or field.startswith(b"secured=") for field in fields[3:])


class Gate:
    """Answers every connection of the mail server with one to Dovecot."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        #: Whether the fault that is there now has been said: a thousand people try again and again.
        self._said = False

    async def attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one of the three has had enough."""
        try:
            theirs = await self._dovecot()
        except OSError as fault:
            self._fault(f"Dovecot does not answer: {fault}")
            writer.close()
            return
        ways = [asyncio.create_task(self._up(reader, theirs[1])), asyncio.create_task(self._down(theirs[0], writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for side in (writer, theirs[1]):
            side.close()
            with contextlib.suppress(OSError):
                await side.wait_closed()

    async def _dovecot(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.patience
        while True:
            try:
                return await asyncio.open_unix_connection(self._settings.dovecot, limit=self._settings.longest)
            except OSError:
                if loop.time() > deadline:
                    raise
            await asyncio.sleep(_PAUSE)

    async def _up(self, ours: asyncio.StreamReader, theirs: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await ours.readline():
                if in_the_clear(line):
                    _log.error("a password came without TLS; it is not tried")
                    return
                theirs.write(line)
                await theirs.drain()

    async def _down(self, theirs: asyncio.StreamReader, ours: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := await theirs.readline():
                if is_fault(line):
                    self._fault("Dovecot cannot ask the directory")
                    return
                if line.startswith(b"OK\t") and self._said:
                    self._said = False
                    _log.info("people log in again")
                ours.write(line)
                await ours.drain()

    def _fault(self, reason: str) -> None:
        if not self._said:
            _log.warning("logins are put off: %s", reason)
        self._said = True
