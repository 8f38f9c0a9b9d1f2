"""The hold queue of a Postfix instance, by Postfix's own programs: postqueue(1), postcat(1), postsuper(1)."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from email.header import decode_header
from typing import Any

#: Long queue IDs have letters and digits without vowels, short ones are hexadecimal (postconf(5) enable_long_queue_ids).
QUEUE_ID = re.compile(r"[0-9A-Za-z]{6,20}")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AT_ONCE = 100
#: Whom it is about and in which role may stand before the text of whoever kept the letter (smtpd_check.c).
_ROLE = r"(?:<[^;]*?>: (?:Client host|End-of-data|Sender address|Recipient address|Helo command|Data command) )?"
_REASON = re.compile(rf"\w+: (?:milter-)?hold: [A-Z-]+ from [^;]*?\]: {_ROLE}(.*?); from=")


class QueueError(Exception):
    """Postfix does not answer, or refuses; the message says why."""


@dataclass(slots=True)
class Letter:
    """A letter on hold."""

    id: str
    #: Seconds since 1970.
    at: int
    size: int
    sender: str
    recipients: list[str]
    login: str = ""
    client: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def who(self) -> str:
        """Whom it is counted for."""
        return f"person:{self.login}" if self.login else f"device:{self.client}"

    def header(self, name: str) -> str:
        """Return a header field, decoded, or nothing. Of several, the first: it is what mail programs show."""
        return next((decoded(value) for found, value in self.headers if found.lower() == name.lower()), "")


class Hold:
    """One instance's hold queue."""

    def __init__(self, configuration: str) -> None:
        """configuration: the instance's directory, e.g. /etc/postfix-outside."""
        self._configuration = configuration

    def letters(self) -> list[Letter]:
        """Return all letters on hold, oldest first, with login, client and header. Raises QueueError."""
        found: dict[str, Letter] = {}
        for line in self._run("postqueue", "-j").splitlines():
            one = json.loads(line)
            if one["queue_name"] == "hold":
                recipients = [recipient["address"] for recipient in one["recipients"]]
                found[one["queue_id"]] = Letter(one["queue_id"], one["arrival_time"], one["message_size"], one["sender"], recipients)
        names = list(found)
        for first in range(0, len(names), _AT_ONCE):
            # A letter that is released or removed meanwhile is no fault.
            text = self._run("postcat", "-e", "-h", "-q", *names[first : first + _AT_ONCE], check=False)
            for name, envelope, headers in parted(text):
                letter = found[name]
                letter.login = envelope.get("sasl_username", "")
                letter.client = envelope.get("client_address", "")
                letter.headers = headers
        return sorted(found.values(), key=lambda one: (one.at, one.id))

    def raw(self, letter: Letter) -> bytes:
        """Return header and body as they are. Raises QueueError."""
        return self._bytes("postcat", "-b", "-h", "-q", letter.id)

    def release(self, letters: Sequence[Letter]) -> set[str]:
        """Let letters go; return the queue IDs of those that went. Raises QueueError."""
        lifetime = self._lifetime()
        now = time.time()
        # One that has waited for long is queued anew: else the first delay on its way would end its life (postsuper(1)).
        young = [one.id for one in letters if now - one.at < lifetime / 2]
        old = [one.id for one in letters if now - one.at >= lifetime / 2]
        done = self._each("-H", young, "released from hold") | self._each("-r", old, "requeued")
        for name in young:
            self._run("postqueue", "-i", name, check=False)
        if old:
            self._run("postkick", "public", "pickup", "W", check=False)
        return done

    def delete(self, letters: Sequence[Letter]) -> set[str]:
        """Remove letters for good; return the queue IDs of those that were removed. Raises QueueError."""
        return self._each("-d", [one.id for one in letters], "removed")

    def reason(self, letter: Letter) -> str:
        """Return what Postfix noted when it kept the letter, or nothing."""
        words = ["journalctl", "--quiet", "--output=cat", f"--since=@{letter.at - 300}", f"--until=@{letter.at + 300}"]
        done = subprocess.run([*words, f"--grep=^{letter.id}: (milter-)?hold: "], capture_output=True, check=False)
        line = done.stdout.decode(errors="replace").partition("\n")[0]
        match = _REASON.match(line)
        return match[1] if match else line.partition("hold: ")[2]

    def _each(self, option: str, names: Iterable[str], word: str) -> set[str]:
        text = "".join(f"{name}\n" for name in names)
        if not text:
            return set()
        said = self._bytes("postsuper", option, "-", "hold", stdin=text.encode(), stderr=True).decode(errors="replace")
        return set(re.findall(rf"^postsuper: (\w+): {word}$", said, re.MULTILINE))

    def _lifetime(self) -> float:
        text = self._run("postconf", "-h", "maximal_queue_lifetime").strip()
        match = re.fullmatch(r"(\d+)([smhdw]?)", text)
        if not match:
            raise QueueError(f"maximal_queue_lifetime = {text} is no time")
        return int(match[1]) * _UNITS[match[2] or "d"]

    def _run(self, *words: str, check: bool = True) -> str:
        return self._bytes(*words, check=check).decode(errors="surrogateescape")

    def _bytes(self, program: str, *words: str, stdin: bytes = b"", check: bool = True, stderr: bool = False) -> bytes:
        try:
            done = subprocess.run([program, "-c", self._configuration, *words], input=stdin, capture_output=True, check=False)
        except OSError as fault:
            raise QueueError(str(fault)) from fault
        if check and done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise QueueError(said[-1] if said else f"{program} ended with status {done.returncode}")
        return done.stderr if stderr else done.stdout


def parted(text: str) -> Iterator[tuple[str, dict[str, str], list[tuple[str, str]]]]:
    """Yield queue ID, named attributes and header of each letter in the output of postcat -e -h.

    A letter cannot forge the lines between the parts: postcat prints of it what is a header, and no header begins with asterisks and a
    blank (is_header.c).
    """
    mark = re.compile(r"^\*\*\* (ENVELOPE RECORDS|MESSAGE CONTENTS|HEADER EXTRACTED|MESSAGE FILE END) (?:\S+/)?(\w+) \*\*\*$", re.MULTILINE)
    attributes: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    pieces = mark.split(text)
    for part, name, body in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        if part == "ENVELOPE RECORDS":
            attributes, headers = dict(re.findall(r"^named_attribute: (\w+)=(.*)$", body, re.MULTILINE)), []
        elif part == "MESSAGE CONTENTS":
            unfolded = re.sub(r"\n[ \t]+", " ", body.strip("\n"))
            headers = [(found, value.strip()) for found, colon, value in (line.partition(":") for line in unfolded.split("\n")) if colon]
        elif part == "MESSAGE FILE END":
            yield name, attributes, headers


def decoded(value: str) -> str:
    """Return a header's text with its encoded words decoded (RFC 2047); what cannot be decoded stays as it is."""
    try:
        parts: list[tuple[Any, str | None]] = list(decode_header(value))
        return "".join(part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part for part, charset in parts)
    except (ValueError, LookupError):
        return value
