"""The gate between a mail server and Dovecot."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence

from posthouse.journal import log_to_the_journal
from posthouse.start import start, words

from .gate import Gate
from .settings import Settings, load

FINE, NO_SOCKET = 0, 3
_EXITS = "Exit codes: 0 fine; 2 wrong use or configuration; 3 systemd handed over no socket."
_FIRST = 3  # sd_listen_fds(3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser, commands = words("sasl", __doc__, _EXITS)
    commands.add_parser("serve", help="serve the socket that systemd hands over, until told to stop")
    commands.add_parser("check", help="read the configuration and say what is wrong with it")
    return start(parser, arguments, load, _run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    if given.command == "check":
        return FINE
    if (os.environ.get("LISTEN_PID"), os.environ.get("LISTEN_FDS")) != (str(os.getpid()), "1"):
        print("sasl: there is no socket to serve: start posthouse-sasl.socket", file=sys.stderr)
        return NO_SOCKET
    log_to_the_journal()
    asyncio.run(serve(settings, socket.socket(fileno=_FIRST)))
    return FINE


async def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve a listening socket until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = await asyncio.start_unix_server(Gate(settings).attend, sock=listening, limit=settings.longest, cleanup_socket=False)
    with contextlib.suppress(asyncio.CancelledError):
        await stopped.wait()
    server.close()
