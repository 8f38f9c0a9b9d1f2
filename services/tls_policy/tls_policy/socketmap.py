"""Postfix's socketmap protocol (socketmap_table(5)): a netstring ``NAME KEY`` is answered by a netstring ``STATUS DATA``."""

from __future__ import annotations

import asyncio

#: Postfix's own bound (socketmap_table(5)).
LONGEST = 100_000
OK, NOTFOUND, TEMP, PERM = "OK", "NOTFOUND", "TEMP", "PERM"


class ProtocolError(Exception):
    """The other side speaks something else."""


async def receive(reader: asyncio.StreamReader) -> str:
    """Read one netstring. Raises EOFError when there is none any more, ProtocolError when it is none."""
    try:
        head = await reader.readuntil(b":")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ProtocolError("the connection ended amid a length") from error
        raise EOFError from error
    except asyncio.LimitOverrunError as error:
        raise ProtocolError("no length") from error
    digits = head[:-1]
    if not digits.isdigit() or len(digits) > 6 or int(digits) > LONGEST:
        raise ProtocolError("no length that can be")
    try:
        body = await reader.readexactly(int(digits) + 1)
    except asyncio.IncompleteReadError as error:
        raise ProtocolError("the connection ended amid a text") from error
    if body[-1:] != b",":
        raise ProtocolError("no comma at the end")
    return body[:-1].decode("utf-8", errors="replace")


def netstring(text: str) -> bytes:
    """Return a text as a netstring."""
    body = text.encode()
    return b"%d:%b," % (len(body), body)


async def ask(host: str, port: int, name: str, key: str) -> tuple[str, str]:
    """Ask another such server; return status and data. Raises OSError, EOFError, ProtocolError."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(netstring(f"{name} {key}"))
        await writer.drain()
        status, _, data = (await receive(reader)).partition(" ")
    finally:
        writer.close()
    if status not in (OK, NOTFOUND, TEMP, PERM):
        raise ProtocolError(f"status {status[:20]!r}")
    return status, data
