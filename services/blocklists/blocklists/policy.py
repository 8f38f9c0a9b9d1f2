"""The response policy zone: what stands in it does not exist for this machine's programs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsigkeyring
import dns.update

_KEY = re.compile(r'key\s+"?([^"\s{]+)"?\s*\{[^}]*?algorithm\s+"?([\w-]+)"?\s*;[^}]*?secret\s+"([^"]+)"\s*;', re.DOTALL)
_TTL = 60


class PolicyError(RuntimeError):
    """The policy could not be read or changed; the message says why."""


class Policy:
    """The zone, on the resolver that holds it."""

    def __init__(self, server: str, zone: str, key: Path, patience: float, port: int = 53) -> None:
        """key: as tsig-keygen(8) writes it."""
        self.server, self.zone, self.key, self.patience, self.port = server, zone, key, patience, port

    def out(self, names: Iterable[str]) -> set[str]:
        """Tell which of these zones stand in it now. Raises PolicyError."""
        return {name for name in names if self._stands(name)}

    def change(self, out: Iterable[str], back: Iterable[str]) -> None:
        """Take zones out and put others back, all or none. Raises PolicyError."""
        out, back = sorted(out), sorted(back)
        if not out and not back:
            return
        try:
            name, algorithm, secret = _KEY.search(self.key.read_text(encoding="utf-8")).groups()  # type: ignore[union-attr]  # below
        except OSError as fault:
            raise PolicyError(f"{self.key}: {fault.strerror}") from fault
        except AttributeError:
            raise PolicyError(f"{self.key} holds no key") from None
        update = dns.update.UpdateMessage(self.zone, keyring=dns.tsigkeyring.from_text({name: (algorithm, secret)}))
        for zone in out:
            # The root as target: the name does not exist; with the star, nothing below it either.
            update.replace(zone, _TTL, "CNAME", ".")
            update.replace(f"*.{zone}", _TTL, "CNAME", ".")
        for zone in back:
            update.delete(zone)
            update.delete(f"*.{zone}")
        reply = self._ask(update)
        if reply.rcode() != dns.rcode.NOERROR:
            raise PolicyError(f"{self.zone} on {self.server} refused the change: {dns.rcode.to_text(reply.rcode())}")

    def _stands(self, name: str) -> bool:
        reply = self._ask(dns.message.make_query(f"{name}.{self.zone}", dns.rdatatype.CNAME))
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise PolicyError(f"{self.zone} on {self.server} answered {dns.rcode.to_text(reply.rcode())}")
        return bool(reply.answer)

    def _ask(self, message: dns.message.Message) -> dns.message.Message:
        try:
            return dns.query.tcp(message, self.server, timeout=self.patience, port=self.port)
        except (OSError, EOFError, dns.exception.DNSException) as fault:
            raise PolicyError(f"{self.zone} on {self.server}: {type(fault).__name__}: {fault}") from fault
