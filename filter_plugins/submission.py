"""Filters for machines where people hand in mail."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: An address, a domain with its @, or everything; nothing that ends an item of an inline table (DATABASE_README) or begins a parameter.
_SENDER = re.compile(r"[^\s@{}=,$]*@[A-Za-z0-9.-]+|\*")
_LOGIN = re.compile(r"[^\s,(){}=$]+")


def sender_exceptions(exceptions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Sort exceptions to the ownership of senders by what Postfix asks.

    exceptions: items with senders, and clients or logins or both. Returns clients: a list of networks and senders (access(5) keys, empty
    for all); and who may write as what, logins with blanks between them: addresses and domains (by name), everything (text).
    Raises ValueError naming what cannot be meant.
    """
    clients: list[dict[str, Any]] = []
    logins: dict[str, dict[str, list[str]]] = {"addresses": {}, "domains": {}, "everything": {}}
    for given in exceptions:
        senders = [_checked(sender, _SENDER, "an address, a domain as @example.org, or *").lower() for sender in given["senders"]]
        networks = [str(ipaddress.ip_network(text)) for text in given.get("clients") or []]
        names = [_checked(name, _LOGIN, "a login") for name in given.get("logins") or []]
        if not senders or not (networks or names):
            raise ValueError(f"{dict(given)!r} excepts nobody: give senders, and clients or logins")
        if networks:
            clients.append({"networks": networks, "senders": _keys(senders)})
        for sender in senders:
            kind = "everything" if sender == "*" else "domains" if sender.startswith("@") else "addresses"
            logins[kind].setdefault(sender.removeprefix("@"), []).extend(names)
    return {
        "clients": clients,
        "addresses": _joined(logins["addresses"]),
        "domains": _joined(logins["domains"]),
        "everything": "".join(_joined(logins["everything"]).values()),
    }


def inline_table(records: Mapping[str, str]) -> str:
    """Write the records of an inline table (DATABASE_README): each in braces, as the value may hold blanks."""
    return ", ".join(f"{{{key.lower()} = {value}}}" for key, value in records.items())


def _keys(senders: Sequence[str]) -> list[str]:
    return [] if "*" in senders else [sender.removeprefix("@") for sender in senders]


def _joined(names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {sender: " ".join(dict.fromkeys(several)) for sender, several in names.items() if several}


def _checked(text: str, pattern: re.Pattern[str], meant: str) -> str:
    if not pattern.fullmatch(str(text)):
        raise ValueError(f"{text!r} is not {meant}")
    return str(text)


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"inline_table": inline_table, "sender_exceptions": sender_exceptions}
