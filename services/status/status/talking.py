"""Speak to a port as far as TLS: what it presents, whether that holds, and which versions it takes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass

#: Who says what before TLS begins: the last line of a greeting, the question, the beginning of a good answer.
_OPENINGS: dict[str, tuple[tuple[bytes, ...], tuple[tuple[bytes, tuple[bytes, ...]], ...]]] = {
    "smtp": ((b"220 ",), ((b"EHLO {name}\r\n", (b"250 ",)), (b"STARTTLS\r\n", (b"220 ",)))),
    "lmtp": ((b"220 ",), ((b"LHLO {name}\r\n", (b"250 ",)), (b"STARTTLS\r\n", (b"220 ",)))),
    "imap": ((b"* OK",), ((b"a STARTTLS\r\n", (b"a OK",)),)),
    "pop3": ((b"+OK",), ((b"STLS\r\n", (b"+OK",)),)),
    "sieve": ((b"OK",), ((b"STARTTLS\r\n", (b"OK",)),)),
}
_FAREWELLS = {"smtp": b"QUIT\r\n", "lmtp": b"QUIT\r\n", "pop3": b"QUIT\r\n", "imap": b"b LOGOUT\r\n", "sieve": b"LOGOUT\r\n"}
# StartTLS of LDAP (RFC 4511 section 4.14): message 1, an extended request named 1.3.6.1.4.1.1466.20037; success is result code 0.
_LDAP = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
_LDAP_FINE = b"\x0a\x01\x00"
_LONGEST = 1 << 14
SPEAKS = (*_OPENINGS, "ldap", "tls")
OLD = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1


@dataclass(frozen=True, slots=True)
class Heard:
    """What a port presented. fault: why there was no TLS at all. distrust: why its certificate does not hold. All is well without both."""

    fault: str = ""
    distrust: str = ""
    version: str = ""
    certificate: bytes = b""


def listen(address: str, port: int, speaks: str, host: str, ca: str | None, patience: float) -> Heard:
    """Begin TLS on a port as a careful client does.

    host: the name that the certificate shall have. ca: PEM of whom it is to be signed by; None for those whom this machine trusts.
    patience: seconds for each step.
    """
    strict = ssl.create_default_context(cadata=ca)
    strict.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        return _heard(_begin(address, port, speaks, host, strict, patience), speaks)
    except ssl.SSLCertVerificationError as fault:
        distrust = fault.verify_message or str(fault)
    except (OSError, ValueError) as fault:
        return Heard(fault=_words(fault))
    # What it presents is looked at all the same: its end, and whether it is what DNS promises.
    lenient = ssl.create_default_context()
    lenient.check_hostname = False
    lenient.verify_mode = ssl.CERT_NONE
    try:
        seen = _heard(_begin(address, port, speaks, host, lenient, patience), speaks)
    except (OSError, ValueError) as fault:
        return Heard(fault=_words(fault))
    return Heard(distrust=distrust, version=seen.version, certificate=seen.certificate)


def takes_old(address: str, port: int, speaks: str, host: str, patience: float) -> str:
    """Name an outdated version of TLS that a port still takes; nothing when it takes none (RFC 8996)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = OLD
    # OpenSSL itself refuses to speak them at its usual level.
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        return _heard(_begin(address, port, speaks, host, context, patience), speaks).version
    except (OSError, ValueError):
        return ""


def _heard(connection: ssl.SSLSocket, speaks: str) -> Heard:
    with connection:
        found = Heard(version=connection.version() or "", certificate=connection.getpeercert(binary_form=True) or b"")
        # Who leaves without a word is counted among those who hang up.
        with contextlib.suppress(OSError):
            connection.sendall(_FAREWELLS.get(speaks, b""))
            connection.unwrap()
        return found


def _begin(address: str, port: int, speaks: str, host: str, context: ssl.SSLContext, patience: float) -> ssl.SSLSocket:
    """Connect, ask for TLS, begin it. Raises OSError, or ValueError with what was answered in its place."""
    raw = socket.create_connection((address, port), patience)
    try:
        if speaks == "ldap":
            _ask_directory(raw)
        elif speaks != "tls":
            greeting, steps = _OPENINGS[speaks]
            _expect(raw, greeting)
            for question, good in steps:
                raw.sendall(question.replace(b"{name}", _literal(raw)))
                _expect(raw, good)
        return context.wrap_socket(raw, server_hostname=host)
    except BaseException:
        raw.close()
        raise


def _ask_directory(raw: socket.socket) -> None:
    raw.sendall(_LDAP)
    if _LDAP_FINE not in raw.recv(_LONGEST):
        raise ValueError("it does not offer StartTLS")


def _literal(raw: socket.socket) -> bytes:
    """Our address as a name for EHLO (RFC 5321 section 4.1.3): a dead name server may keep us waiting for a real one."""
    address = str(raw.getsockname()[0]).partition("%")[0]
    return (f"[IPv6:{address}]" if ":" in address else f"[{address}]").encode()


def _expect(raw: socket.socket, good: tuple[bytes, ...]) -> None:
    """Read lines until one begins as the last of a good answer does. Raises ValueError with a line that is none."""
    read = b""
    while len(read) < _LONGEST:
        line = _line(raw.recv)
        read += line
        if line.startswith(good):
            return
        # Lines that go on: 220-, 250-, and what a ManageSieve server says of itself.
        if line[3:4] != b"-" and not line.startswith((b'"', b"* ")):
            raise ValueError(f"it answers {line.strip().decode('latin-1')!r}")
    raise ValueError("it never comes to an end")


def _line(receive: Callable[[int], bytes]) -> bytes:
    """Read one line, byte by byte: what follows it may be TLS."""
    line = b""
    while not line.endswith(b"\n"):
        byte = receive(1)
        if not byte:
            raise ValueError("it hangs up" if not line else f"it hangs up after {line.decode('latin-1')!r}")
        line += byte
        if len(line) > _LONGEST:
            raise ValueError("it never ends a line")
    return line


def _words(fault: Exception) -> str:
    if isinstance(fault, TimeoutError):
        return "it does not answer in time"
    if isinstance(fault, ssl.SSLError):
        return f"TLS does not begin: {(fault.reason or str(fault)).replace('_', ' ').lower()}"
    return (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
