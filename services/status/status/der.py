"""Read of a certificate what ssl does not tell when it refuses it, its end and its key: DER (X.690), RFC 5280 section 4.1."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime


def _items(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield tag, content and the whole of each item. Raises ValueError when the data is cut."""
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("the certificate is cut")
        tag, length, head = data[at], data[at + 1], 2
        if length & 0x80:
            count = length & 0x7F
            length, head = int.from_bytes(data[at + 2 : at + 2 + count], "big"), 2 + count
        end = at + head + length
        if end > len(data):
            raise ValueError("the certificate is cut")
        yield tag, data[at + head : end], data[at:end]
        at = end


def _body(certificate: bytes) -> list[tuple[int, bytes, bytes]]:
    """The parts of a certificate from its serial number on."""
    try:
        outer = next(_items(certificate))
        parts = list(_items(next(_items(outer[1]))[1]))
    except StopIteration as fault:
        raise ValueError("that is no certificate") from fault
    # A version comes first in every certificate of today ([0], explicit).
    return parts[1:] if parts and parts[0][0] == 0xA0 else parts


def ends(certificate: bytes) -> datetime:
    """Until when a certificate is valid. Raises ValueError when it is none."""
    try:
        _, (tag, text, _) = _items(_body(certificate)[3][1])
        # UTCTime, and GeneralizedTime from 2050 on.
        form = "%y%m%d%H%M%SZ" if tag == 0x17 else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC)
    except (IndexError, TypeError) as fault:
        raise ValueError("that is no certificate") from fault


def public_key(certificate: bytes) -> bytes:
    """The certificate's SubjectPublicKeyInfo. Raises ValueError when it is no certificate."""
    try:
        return _body(certificate)[5][2]
    except (IndexError, ValueError) as fault:
        raise ValueError("that is no certificate") from fault


def of_file(text: str) -> bytes:
    """The first certificate of a PEM file. Raises ValueError when there is none."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    start, stop = text.find(begin), text.find(end)
    if start < 0 or stop < start:
        raise ValueError("it holds no certificate")
    return ssl.PEM_cert_to_DER_cert(text[start : stop + len(end)])


def association(certificate: bytes, selector: int, matching: int) -> str:
    """What a TLSA record holds of a certificate (RFC 6698 section 2.1), in hexadecimal digits; nothing for kinds that do not exist."""
    data = {0: certificate, 1: public_key(certificate)}.get(selector)
    if data is None:
        return ""
    return {0: data.hex(), 1: hashlib.sha256(data).hexdigest(), 2: hashlib.sha512(data).hexdigest()}.get(matching, "")
