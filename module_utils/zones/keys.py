"""Keys that zones are signed with, one for each zone, and what the zone's parent has to know of them.

A key is ECDSA P-256 (RFC 6605, algorithm 13) in a PEM file NAME.pem of a directory on the control node. While it is being exchanged, its
successor stands in NAME.next.pem.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

ALGORITHM, ALGORITHM_NAME = 13, "ECDSAP256SHA256"
# Zone key and secure entry point: one key signs all (RFC 4034 section 2.1.1), protocol 3.
HEAD = bytes([1, 1, 3, ALGORITHM])
DIGEST = 2  # SHA-256, RFC 4509
OCTETS = 32  # of a coordinate and of the secret, RFC 6605 section 4


def wire(name: str) -> bytes:
    """A name as digests take it (RFC 4034 section 6.2)."""
    labels = [label.encode("ascii") for label in name.lower().rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def rdata(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The data of a key's DNSKEY record."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return HEAD + point[1:]


def tag(data: bytes) -> int:
    """The number by which a key is called (RFC 4034 appendix B)."""
    total = sum(octet if place % 2 else octet << 8 for place, octet in enumerate(data))
    return (total + (total >> 16 & 0xFFFF)) & 0xFFFF


def delegation(zone: str, key: ec.EllipticCurvePrivateKey) -> str:
    """The data of the DS record that the zone's parent publishes (RFC 4034 section 5.1)."""
    data = rdata(key)
    return f"{tag(data)} {ALGORITHM} {DIGEST} {hashlib.sha256(wire(zone) + data).hexdigest().upper()}"


def files(zone: str, key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The key as dnssec-keygen(8) writes it: names of files to their contents. Without times, so that named decides when it is used."""
    data = rdata(key)
    name = f"K{zone.rstrip('.')}.+{ALGORITHM:03}+{tag(data):05}"
    public = f"{zone.rstrip('.')}. IN DNSKEY 257 3 {ALGORITHM} {base64.b64encode(data[4:]).decode()}\n"
    secret = base64.b64encode(key.private_numbers().private_value.to_bytes(OCTETS, "big")).decode()
    private = f"Private-key-format: v1.3\nAlgorithm: {ALGORITHM} ({ALGORITHM_NAME})\nPrivateKey: {secret}\n"
    # Without a state named takes the key for one that signs keys only, and makes itself another. It skips the first line unread.
    state = f"; State of a key of {zone}.\nAlgorithm: {ALGORITHM}\nLength: 256\nLifetime: 0\nKSK: yes\nZSK: yes\n"
    return {f"{name}.key": public, f"{name}.private": private, f"{name}.state": state}


def from_private(text: str) -> str:
    """A key as named keeps it, as PEM. Raises ValueError when it is of another kind."""
    values = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    if not values.get("Algorithm", "").startswith(f"{ALGORITHM} ") or "PrivateKey" not in values:
        raise ValueError(f"this is no private key of algorithm {ALGORITHM} as named keeps them")
    number = int.from_bytes(base64.b64decode(values["PrivateKey"]), "big")
    key = ec.derive_private_key(number, ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def from_words(words: str) -> ec.EllipticCurvePrivateKey:
    """A key that everybody can make again who knows the words, for worlds that are made up."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, SEC 2 section 2.4.2
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(words.encode()).digest(), "big") % (order - 1) + 1, ec.SECP256R1())


def path(directory: str, zone: str, successor: bool = False) -> Path:
    """Where a zone's key lies."""
    return Path(directory, f"{zone.rstrip('.')}{'.next' if successor else ''}.pem")


def missing(directory: str, zones: Iterable[str]) -> list[str]:
    """Name the zones that have no key."""
    return [zone for zone in zones if not path(directory, zone).exists()]


def load(directory: str, zone: str) -> list[ec.EllipticCurvePrivateKey]:
    """Read a zone's key and, when it has one, its successor; none when there is no key. Raises ValueError naming a file that is no key."""
    found = []
    for file in (path(directory, zone), path(directory, zone, successor=True)):
        if not file.exists():
            continue
        try:
            key = load_pem_private_key(file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"{file} is no private key: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"{file} holds another key than ECDSA P-256")  # noqa: TRY004, because the file is wrong, not the call
        found.append(key)
    return found
