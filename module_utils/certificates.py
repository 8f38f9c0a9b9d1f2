"""Whether the cluster's certificates, which the control node keeps, are still good. Only ever reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

# The authority is renewed a year before its end: every machine has to hold the new one long before the old one ends.
AUTHORITY_DAYS = 365


def _certificate(path: Path) -> x509.Certificate | None:
    """The certificate in a PEM file, or None when there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _public(path: Path) -> bytes | None:
    """The public half of a private key in a PEM file, as DER, or None when there is none that can be read."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _belong(certificate: x509.Certificate, key: Path) -> bool:
    """Whether the certificate is that of the key."""
    return _public(key) == certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _days_left(certificate: x509.Certificate, now: datetime) -> timedelta:
    return certificate.not_valid_after_utc - now


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return set(extension.value.get_values_for_type(x509.DNSName))


def _permitted(certificate: x509.Certificate) -> set[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return set()
    return {name.value for name in extension.value.permitted_subtrees or [] if isinstance(name, x509.DNSName)}


def authority_due(directory: str, domains: Iterable[str], now: datetime | None = None) -> list[str]:
    """Say why the cluster's authority has to be made or renewed.

    directory: where ca.pem and ca.key are. domains: for which it has to be allowed to sign.
    Returns reasons, none when it is good.
    """
    now = now or datetime.now(UTC)
    authority = _certificate(Path(directory, "ca.pem"))
    if authority is None:
        return ["there is no authority"]
    reasons = []
    if not _belong(authority, Path(directory, "ca.key")):
        reasons.append("the authority's key is missing or another one")
    if _days_left(authority, now) < timedelta(days=AUTHORITY_DAYS):
        reasons.append(f"the authority ends on {authority.not_valid_after_utc:%Y-%m-%d}")
    if _permitted(authority) != set(domains):
        reasons.append("the authority may sign for other domains than the cluster's")
    return reasons


def certificate_due(
    directory: str, name: str, names: Iterable[str], domains: Iterable[str], days: int, now: datetime | None = None
) -> list[str]:
    """Say why a machine's certificate has to be issued.

    directory: where <name>.pem, <name>.key and the authority are. names: those the certificate has to carry.
    domains: as for authority_due. days: renew when fewer are left.
    Returns reasons, none when it is good.
    """
    now = now or datetime.now(UTC)
    reasons = authority_due(directory, domains, now)
    certificate = _certificate(Path(directory, f"{name}.pem"))
    if certificate is None:
        return [*reasons, f"{name} has no certificate"]
    if not _belong(certificate, Path(directory, f"{name}.key")):
        reasons.append(f"the key of {name} is missing or another one")
    if _days_left(certificate, now) < timedelta(days=days):
        reasons.append(f"the certificate of {name} ends on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if _names(certificate) != set(names):
        reasons.append(f"the certificate of {name} carries other names")
    authority = _certificate(Path(directory, "ca.pem"))
    if authority is not None:
        try:
            certificate.verify_directly_issued_by(authority)
        except (InvalidSignature, ValueError, TypeError):
            reasons.append(f"another authority issued the certificate of {name}")
    return reasons


def key_fingerprint(directory: str, name: str) -> str:
    """Return the SHA-256 fingerprint of the public key in a machine's certificate, as Postfix writes it; nothing when there is none."""
    certificate = _certificate(Path(directory, f"{name}.pem"))
    if certificate is None:
        return ""
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).digest().hex(":").upper()
