"""Hand sealed generations to backup machines: over TLS, to certificates that are named, and nothing can be changed by this way.

A client writes one line: ``list``, or ``get FILE FROM`` with the number of bytes that it has already. The answer to the first is one
line of JSON, to the second ``ok SIZE`` and the bytes from there on; anything else is answered ``no`` and a reason.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from posthouse import generations

from .errors import StateError
from .settings import Settings

_BLOCK = 1 << 16
#: A client that says nothing, or takes nothing, for so long has gone.
PATIENCE = 60.0
_LONGEST = 200


def context(settings: Settings) -> ssl.SSLContext:
    """Return what a server demands: TLS 1.3, and a certificate of our own authority."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cafile=settings.ca)
    made.load_cert_chain(settings.certificate, settings.key)
    return made


def serve(settings: Settings, connection: socket.socket) -> str:
    """Answer one client; return what was done, for the journal. Raises StateError for one that may not ask."""
    connection.settimeout(PATIENCE)
    try:
        with context(settings).wrap_socket(connection, server_side=True) as client:
            who = _allowed(client, settings.readers)
            done = _answer(client, settings, _line(client))
            # The end is said in TLS too: who cuts the line cannot make half a file look whole. Whether the client says it is its affair.
            with suppress(ssl.SSLError, OSError):
                client.unwrap()
            return f"{who}: {done}"
    except (ssl.SSLError, OSError) as fault:
        raise StateError(f"a client went away or could not prove itself: {fault}") from fault


def _allowed(client: ssl.SSLSocket, readers: Iterable[str]) -> str:
    shown: dict[str, Any] = dict(client.getpeercert() or {})
    names = {str(value) for kind, value in shown.get("subjectAltName", ()) if kind == "DNS"}
    if found := sorted(names & set(readers)):
        return found[0]
    raise StateError(f"{', '.join(sorted(names)) or 'somebody without a name'} may not fetch anything here")


def _line(client: ssl.SSLSocket) -> str:
    asked = b""
    while b"\n" not in asked and len(asked) < _LONGEST:
        if not (block := client.recv(_LONGEST)):
            break
        asked += block
    return asked.partition(b"\n")[0].decode("ascii", "replace")


def _answer(client: ssl.SSLSocket, settings: Settings, line: str) -> str:
    folder = Path(settings.folder)
    sheets = generations.listed(folder)
    words = line.split(" ")
    if words == ["list"]:
        client.sendall(json.dumps([asdict(one) for one in sheets]).encode() + b"\n")
        return f"a list of {len(sheets)}"
    # Only what is listed can be had, so no name leads out of the folder.
    sheet = next((one for one in sheets if words[:1] == ["get"] and words[1:2] == [one.file]), None)
    if sheet is None or len(words) != 3 or not words[2].isdigit() or int(words[2]) > sheet.size:
        client.sendall(b"no such thing\n")
        return "something that is not here"
    with (folder / sheet.file).open("rb") as stream:
        client.sendall(f"ok {sheet.size}\n".encode())
        stream.seek(int(words[2]))
        while block := stream.read(_BLOCK):
            client.sendall(block)
    return f"{sheet.file} from byte {words[2]}"


def given() -> socket.socket:
    """Return the connection that systemd accepted for us (systemd.socket(5), Accept=yes)."""
    return socket.socket(fileno=os.dup(0))
