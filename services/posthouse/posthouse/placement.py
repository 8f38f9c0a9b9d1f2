"""Which backup machines keep a person's copies, and who can have copies at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

#: Bytes of a file's name (NAME_MAX of Linux).
_LONGEST = 255


def places(uid: str, machines: Sequence[str], copies: int) -> list[str]:
    """Return the machines for a person, by rendezvous hashing: who is added or goes moves nobody between the others.

    uid: as the directory writes it. machines: full names, in any order. copies: on how many machines; more than there are means all.
    """
    return sorted(sorted(machines), key=lambda one: hashlib.sha256(f"{one}\0{uid}".encode()).digest(), reverse=True)[: max(copies, 0)]


def unusable(uid: str) -> str:
    """Say why a person's name can be neither a folder's name nor the name in a copy's address, or nothing when it can."""
    if not uid:
        return "it is empty"
    if uid.startswith("."):
        return "it begins with a dot"
    if any(one in uid for one in "/@*?%"):
        return "it contains one of / @ * ? %"  # a folder's end, a domain's beginning, doveadm's masks and variables
    if any(ord(one) < 0x20 or ord(one) == 0x7F for one in uid):
        return "it contains control characters"
    if not uid.isascii():
        # An envelope with it needs SMTPUTF8 (RFC 6531), which Dovecot's LMTP does not speak.
        return "it is not ASCII"
    return "it is longer than a file's name may be" if len(uid) > _LONGEST else ""


def address(uid: str, machine: str) -> str:
    """Return the envelope recipient of a copy, quoted where RFC 5321 wants it. uid: one that is not unusable."""
    atoms = uid.split(".")
    if all(atoms) and all(one.isalnum() or one in "!#$%&'*+-/=?^_`{|}~." for one in uid):
        return f"{uid}@{machine}"
    escaped = uid.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"@{machine}'
