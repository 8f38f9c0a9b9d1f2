"""The people whom the cluster's tests bring along: one for each thing that an entry can say."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

# Words of several lines, with letters outside ASCII, quotes, and what Dovecot and Sieve might take for variables.
REPLY = 'Ich bin im Urlaub – bis Montag.\n\nGrüße aus Łódź,\n"Vera" %{user} ${env}\n. (ein Punkt allein in der Zeile)\n.\nEnde.'


@dataclass
class Person:
    """An entry below ou=People; attributes as the directory knows them, several values as a list."""

    uid: str
    password: str
    number: int
    domain: str
    attributes: dict[str, str | list[str]] = field(default_factory=dict)

    @property
    def mail(self) -> str:
        """The main address."""
        return f"{self.uid}@{self.domain}"

    def at(self, tag: str) -> str:
        """Return another address of this person: the uid, a dot, a tag."""
        return f"{self.uid}.{tag}@{self.domain}"

    def dn(self, suffix: str) -> str:
        """Return the entry's name, with what RFC 4514 wants escaped."""
        escaped = re.sub(r'([,+"<>;=#\\])', r"\\\1", self.uid)
        return f"uid={escaped},ou=People,{suffix}"

    def ldif(self, suffix: str) -> str:
        """Write the entry as LDIF; every value in base64, so that none needs quoting."""
        values: dict[str, str | list[str]] = {
            "objectClass": ["top", "inetOrgPerson", "posixAccount", "qmailUser"],
            "uid": self.uid,
            "cn": f"Test {self.uid}",
            "sn": self.uid,
            "uidNumber": str(self.number),
            "gidNumber": "100",
            "homeDirectory": f"/mnt/home/{self.uid}",
            "mail": self.mail,
            "userPassword": salted(self.password),
            **self.attributes,
        }
        lines = [f"dn: {self.dn(suffix)}"]
        for name, value in values.items():
            several = [value] if isinstance(value, str) else value
            lines.extend(f"{name}:: {base64.b64encode(one.encode()).decode()}" for one in several)
        return "\n".join(lines) + "\n\n"


def salted(password: str) -> str:
    """Return the password as slapd keeps it ({SSHA}: salted SHA-1, slapd.conf(5), always compiled in)."""
    salt = os.urandom(8)
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest() + salt).decode()


class People(dict[str, Person]):
    """Everybody of one run by a name that says what is special; uids end in a word that no other run uses."""

    def __init__(self, domain: str, stores: list[str], run: str = "") -> None:
        """stores: the fully qualified names of at least two mailstores."""
        super().__init__()
        self.domain = domain
        self.run = run or secrets.token_hex(3)
        self.first_number = 20000 + int(self.run, 16) % 30000
        here, there = stores[:2]
        self.add("alma", mailHost=here, mailAlternateAddress=[self.address("alma.other"), self.address("alma-list")])
        self.add("bela", mailHost=there, mailAlternateAddress=self.address("bela.other"))
        self.add("noaccess", mailHost=here, accountStatus="noaccess")
        self.add("disabled", mailHost=there, accountStatus="disabled")
        self.add("deleted", mailHost=here, accountStatus="deleted")
        self.add("copy", mailHost=here, mailForwardingAddress=self.address("bela"))
        self.add("moved", mailHost=there, deliveryMode="nolocal", mailForwardingAddress=[self.address("alma"), self.address("bela")])
        self.add("keeps", mailHost=there, deliveryMode="noforward", mailForwardingAddress=self.address("alma"))
        self.add("outward", mailHost=here, deliveryMode="nolocal", mailForwardingAddress="out@elsewhere.test")
        self.add("circle", mailHost=here, mailForwardingAddress=self.address("ring"))
        self.add("ring", mailHost=there, mailForwardingAddress=self.address("circle"))
        self.add("away", mailHost=here, deliveryMode="reply", mailReplyText=REPLY)
        self.add("silent", mailHost=there, mailReplyText="Nobody shall read this: deliveryMode does not say reply.")
        self.add("letters", mailHost=there, mailSizeMax="20000")
        self.add("full", mailHost=here, mailQuotaSize="60000")
        self.add("few", mailHost=there, mailQuotaCount="2")
        self.add("homeless", mailAlternateAddress=self.address("homeless.other"))
        self.add("lost", mailHost=f"nosuch.{domain}")
        self.add("newcomer", mailHost=here)
        self.add("visitor", mailHost=there)
        self.add("sorter", mailHost=there)

    def address(self, name: str) -> str:
        """Return the address of somebody of this run; what follows the name's dot or hyphen stays at the end."""
        for separator in ".-":
            head, found, tail = name.partition(separator)
            if found:
                return f"{head}{self.run}{found}{tail}@{self.domain}"
        return f"{name}{self.run}@{self.domain}"

    def add(self, name: str, **attributes: str | list[str]) -> Person:
        """Invent one more person."""
        person = Person(f"{name}{self.run}", secrets.token_urlsafe(12), self.first_number + len(self), self.domain, attributes)
        self[name] = person
        return person

    def ldif(self, suffix: str, names: Iterable[str] = ()) -> str:
        """Write everybody, or some, as LDIF."""
        return "".join(self[name].ldif(suffix) for name in (names or self))
