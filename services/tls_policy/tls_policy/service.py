"""Answer Postfix's question for a receiver's TLS policy (smtp_tls_policy_maps)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket

from . import socketmap
from .dane import Finding, Query, UnsureError, look, resolver
from .settings import Settings

LOG = logging.getLogger("tls-policy")
#: systemd hands the socket over as the first descriptor after the standard ones (sd_listen_fds(3)).
LISTENING = 3


class Policies:
    """Keys in signed DNS first: then nothing is said here, and Postfix's own DANE judges. Else what MTA-STS says."""

    def __init__(self, settings: Settings, query: Query | None = None) -> None:
        """query: how DNS is asked, if not at the settings' resolver."""
        self._settings = settings
        self._query = query or resolver(settings.resolver, settings.resolver_port, settings.patience)

    async def find(self, domain: str) -> Finding:
        """Ask DNS for a domain's keys. Raises UnsureError."""
        return await look(self._query, domain)

    async def sts(self, domain: str) -> tuple[str, str]:
        """Ask for a domain's policy by HTTPS; return status and data."""
        try:
            return await asyncio.wait_for(self._ask_sts(domain), self._settings.patience)
        except (OSError, EOFError, TimeoutError, socketmap.ProtocolError) as error:
            LOG.warning("MTA-STS does not answer about %r: %s", domain, str(error) or type(error).__name__)
            return socketmap.TEMP, "MTA-STS does not answer"

    async def _ask_sts(self, domain: str) -> tuple[str, str]:
        """Ask; a daemon that restarts is given the time to come back. Raises what socketmap.ask does."""
        deadline = asyncio.get_running_loop().time() + self._settings.restart
        while True:
            try:
                return await socketmap.ask(self._settings.sts_host, self._settings.sts_port, "postfix", domain)
            except (OSError, EOFError):
                if asyncio.get_running_loop().time() > deadline:
                    raise
            await asyncio.sleep(0.2)

    async def answer(self, key: str) -> tuple[str, str]:
        """Return status and data for what Postfix asks: a next hop, or a parent domain with a dot before it."""
        if not _is_domain(key):
            return socketmap.NOTFOUND, ""
        try:
            finding = await self.find(key)
        except UnsureError as unsure:
            return socketmap.TEMP, f"DNS does not say whether there are keys: {unsure}"
        # RFC 8461 section 2: a policy must not override DANE, be it that DANE fails.
        return (socketmap.NOTFOUND, "") if finding.promised else await self.sts(key)


def _is_domain(key: str) -> bool:
    """Whether it is a recipient's domain; neither a host that the administrator names ([host]), nor a parent, nor an address."""
    if not key or key[0] in ".[" or ":" in key or not key.isascii() or not key.isprintable() or " " in key:
        return False
    try:
        ipaddress.ip_address(key)
    except ValueError:
        return True
    return False


async def converse(policies: Policies, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer questions on one connection until it ends."""
    try:
        while True:
            _, _, key = (await socketmap.receive(reader)).partition(" ")
            try:
                status, data = await policies.answer(key.lower())
            except Exception:
                LOG.exception("A question could not be answered, so the mail waits")
                status, data = socketmap.TEMP, "fault of the TLS policy service"
            writer.write(socketmap.netstring(f"{status} {data}"))
            await writer.drain()
    except (EOFError, ConnectionError):
        pass
    except socketmap.ProtocolError as error:
        LOG.warning("Somebody speaks something else than socketmap: %s", error)
    finally:
        writer.close()


async def serve(settings: Settings, listening: socket.socket | None = None) -> None:
    """Serve for ever on the socket that systemd handed over."""
    policies = Policies(settings)
    listening = listening or socket.socket(fileno=LISTENING)
    server = await asyncio.start_unix_server(lambda reader, writer: converse(policies, reader, writer), sock=listening)
    async with server:
        await server.serve_forever()
