"""The way to a mailstore's door: TLS with its name checked, so many bytes a second for all together, and counted.

doveadm comes to a port of this machine's own loopback and is led on. It still says its password to the mailstore: whoever else comes to
that port has won nothing.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Self

from posthouse.text import visible

_CHUNK = 1 << 16
#: Seconds within which a connection stands, TLS included.
_PATIENCE = 10.0


class Bucket:
    """So many bytes a second, over all who take from it; after a pause, no more than one second's worth at once."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        """rate: bytes a second, 0 is without limit."""
        self._rate, self._clock = rate, clock
        self._paid = clock()

    def take(self, amount: int) -> float:
        """Take bytes, and return the seconds to wait after them."""
        if not self._rate:
            return 0.0
        now = self._clock()
        self._paid = max(self._paid, now - 1.0) + amount / self._rate
        return max(0.0, self._paid - now)


@dataclass
class Door:
    """A way to one mailstore that stands open. destination: as doveadm's sync and backup take it, socket: as its -S does."""

    socket: str
    #: Bytes that came, and went.
    received: int = 0
    sent: int = 0
    #: Why the mailstore could not be reached, if it could not.
    fault: str = ""

    @property
    def destination(self) -> str:
        """Where doveadm connects to."""
        return f"tcp:{self.socket}"


class Doors:
    """Ways to mailstores with one limit for all of them; a context manager, for any number of threads."""

    def __init__(self, ca: str, port: int, rate: int = 0) -> None:
        """ca: file of the authority that mailstores' certificates are from. rate: bytes a second, 0 is without limit."""
        self._context = ssl.create_default_context(cafile=ca)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._port, self._bucket = port, Bucket(rate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doors", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        mine = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
        for one in mine:
            one.cancel()
        await asyncio.gather(*mine, return_exceptions=True)

    @contextmanager
    def to(self, host: str) -> Iterator[Door]:
        """Open a way to a mailstore. host: its full name, which its certificate has."""
        door = Door("")

        async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._lead(door, host, reader, writer)

        async def listen() -> asyncio.Server:
            server = await asyncio.start_server(come, "127.0.0.1", 0)
            door.socket = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return server

        server = asyncio.run_coroutine_threadsafe(listen(), self._loop).result()
        try:
            yield door
        finally:
            self._loop.call_soon_threadsafe(server.close)

    async def _lead(self, door: Door, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                far_reader, far_writer = await asyncio.open_connection(
                    host, self._port, ssl=self._context, server_hostname=host, ssl_handshake_timeout=_PATIENCE
                )
        except (OSError, TimeoutError) as fault:
            door.fault = visible(str(fault).removeprefix("Multiple exceptions: ") or "it does not answer")
            writer.close()
            return
        try:
            away = asyncio.create_task(self._pass(reader, far_writer, lambda count: _count(door, "sent", count)))
            await self._pass(far_reader, writer, lambda count: _count(door, "received", count))
            away.cancel()
            await asyncio.gather(away, return_exceptions=True)
        finally:
            for one in (writer, far_writer):
                one.close()
                with suppress(OSError, asyncio.CancelledError, TimeoutError):
                    await one.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[int], None]) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                count(len(chunk))
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(self._bucket.take(len(chunk)))
            writer.write_eof() if writer.can_write_eof() else writer.close()


def _count(door: Door, what: str, count: int) -> None:
    setattr(door, what, getattr(door, what) + count)
