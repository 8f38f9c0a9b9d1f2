"""A key pair that follows from a secret."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

#: Order of the group of P-256 (FIPS 186-5, SP 800-186 3.2.1.3).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: What the secret is used for; another purpose would have other words and get another key.
_PURPOSE = b"posthouse: storage of backups"
_LEAST = 16


def pair(secret: str) -> dict[str, str]:
    """Return private (PKCS 8) and public half as PEM. Raises ValueError when the secret is short.

    48 bytes are reduced to a number below the order, so that no number is likelier than another (FIPS 186-5 A.2.1).
    """
    if len(secret) < _LEAST:
        raise ValueError(f"the secret of the backups' storage has fewer than {_LEAST} characters: generate one")
    drawn = HKDF(SHA256(), length=48, salt=None, info=_PURPOSE).derive(secret.encode())
    key = ec.derive_private_key(int.from_bytes(drawn, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
    return {
        "private": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "public": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    }
