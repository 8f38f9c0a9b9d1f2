"""Ask amavis to release a message: AM.PDP over its unix socket (amavisd-new, README.protocol)."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable

from .errors import AwayError, QuarantineError, UncertainError

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,_+-@=<>")
_LONGEST_REPLY = 65536


def encode(value: bytes) -> bytes:
    """Write a value so that it cannot end its line: everything unusual becomes %XX."""
    return b"".join(bytes([one]) if one in _PLAIN else b"%%%02x" % one for one in value)


def request(fields: Iterable[tuple[str, bytes]]) -> bytes:
    """Write a request: lines of name=value, an empty line at the end."""
    return b"".join(name.encode("ascii") + b"=" + encode(value) + b"\r\n" for name, value in fields) + b"\r\n"


def release(path: str, timeout: float, *, mail_id: bytes, secret_id: bytes, partition_tag: int, recipient: bytes) -> str:
    """Release a message to exactly one recipient; return the code of the machine that took it, as "250 2.0.0".

    Without a recipient line amavis sends to all who were blocked, so there is always one.
    Raises AwayError when it was surely not sent and may be tried again, QuarantineError when it was refused, UncertainError when the
    line broke before there was an answer. What amavis said is in none of them: it names files, and sometimes the secret.
    """
    if not recipient or not mail_id or not secret_id:
        raise QuarantineError("a release needs an id, its secret and one recipient")
    asked = request(
        [
            ("request", b"release"),
            ("mail_id", mail_id),
            ("secret_id", secret_id),
            ("partition_tag", b"%d" % partition_tag),
            ("quar_type", b"Q"),
            ("recipient", b"<" + recipient + b">"),
        ]
    )
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(timeout)
        try:
            line.connect(path)
            line.sendall(asked)
        except OSError as fault:
            raise AwayError(f"the content filter does not answer: {fault.strerror or 'no answer in time'}") from None
        answer = _answer(line, time.monotonic() + timeout)
    return _judge(answer)


def _answer(line: socket.socket, deadline: float) -> bytes:
    answer = b""
    cut = UncertainError("the content filter gave no answer: the message may have been delivered or not")
    while not answer.endswith(b"\r\n\r\n") and answer != b"\r\n":
        line.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            block = line.recv(4096)
        except OSError:
            raise cut from None
        if not block or len(answer) > _LONGEST_REPLY:
            raise cut
        answer += block
    return answer


def _judge(answer: bytes) -> str:
    replies = re.findall(rb"^setreply=([2-5]\d\d)(?: |%20)([245]\.\d{1,3}\.\d{1,3})(?: |%20|\r?$)", answer, re.MULTILINE)
    if not replies:
        raise UncertainError("the content filter's answer was not understood: the message may have been delivered or not")
    said = [f"{code.decode()} {status.decode()}" for code, status in replies]
    # "250 2.5.0 No recipients, nothing to do" is what it says when it has sent nothing.
    if len(said) == 1 and said[0].startswith("2") and said[0] != "250 2.5.0":
        return said[0]
    worst = max(said)
    if worst.startswith("2") and "250 2.5.0" not in said:
        # It went out, and not only to whom it was meant for: nobody may think that it did not.
        raise UncertainError("the content filter answered for more than one recipient: the message may have been delivered or not")
    if worst.startswith("4"):
        raise AwayError(f"it could not be released now ({worst}); try again later")
    raise QuarantineError(f"it could not be released ({worst})")
