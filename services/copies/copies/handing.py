"""Give letters to the Postfix instance that has nothing but copies, and ask it how much waits there."""

from __future__ import annotations

import json
import smtplib
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_PATIENCE = 60.0


class RefusedError(Exception):
    """The instance does not take this letter now. taken: recipients for whom it has taken it all the same."""

    def __init__(self, why: str, taken: Sequence[str] = ()) -> None:
        super().__init__(why)
        self.taken = taken


class AwayError(Exception):
    """The instance takes no letter now."""


class _Door(smtplib.LMTP):
    """SMTP over a Unix socket, for which the library has no class of its own."""

    ehlo_msg = "ehlo"


class Instance:
    """One connection, made when it is needed."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._door: _Door | None = None

    def give(self, recipients: Sequence[str], outer: bytes) -> None:
        """Hand over one letter, with LF line ends; when this returns, it is the instance's. Raises AwayError, RefusedError."""
        kept = self._door is not None
        try:
            self._give(recipients, outer)
        except smtplib.SMTPServerDisconnected as fault:
            # A connection that nothing went over for a while is closed by the other side.
            self.close()
            if not kept:
                raise AwayError(f"{self._socket}: {fault}") from fault
            self._again(recipients, outer)
        except OSError as fault:
            self._judge(fault)

    def close(self) -> None:
        """End the connection."""
        door, self._door = self._door, None
        if door is not None:
            with suppress(OSError):
                door.quit()

    def _again(self, recipients: Sequence[str], outer: bytes) -> None:
        try:
            self._give(recipients, outer)
        except OSError as fault:
            self._judge(fault)

    def _give(self, recipients: Sequence[str], outer: bytes) -> None:
        if self._door is None:
            self._door = _Door(self._socket, timeout=_PATIENCE)
            self._door.ehlo("localhost")
        refused = self._door.sendmail("", recipients, outer.replace(b"\n", b"\r\n"), ["BODY=8BITMIME"])
        if refused:
            raise RefusedError(_said(refused), [one for one in recipients if one not in refused])

    def _judge(self, fault: OSError) -> None:
        """Smtplib's own errors are OSErrors too."""
        if isinstance(fault, smtplib.SMTPRecipientsRefused):
            raise RefusedError(_said(fault.recipients)) from fault
        if isinstance(fault, smtplib.SMTPResponseException):
            said = f"{fault.smtp_code} {_text(fault.smtp_error)}"
            # 452 4.3.1 is a disk without room, 421 an end of service: the next letter would fare no better.
            if fault.smtp_code in (421, 452) or isinstance(fault, smtplib.SMTPHeloError | smtplib.SMTPConnectError):
                self.close()
                raise AwayError(said) from fault
            raise RefusedError(said) from fault
        self.close()
        raise AwayError(f"{self._socket}: {fault}") from fault


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in an instance. oldest: seconds since the epoch, 0 when nothing waits. reason: the commonest.

    machines: for each domain that something waits for, letters and bytes.
    """

    letters: int = 0
    size: int = 0
    oldest: float = 0.0
    reason: str = ""
    machines: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def queue(instance: str) -> Queue:
    """Ask an instance what waits in it (postqueue(1)). Raises AwayError."""
    try:
        done = subprocess.run(
            ["/usr/sbin/postqueue", "-c", instance, "-j"], capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise AwayError(f"the queue cannot be read: {fault}") from fault
    if done.returncode:
        last = (done.stderr.splitlines() or [f"status {done.returncode}"])[-1]
        raise AwayError(f"the queue cannot be read: {last}")
    return counted(done.stdout.splitlines())


def counted(lines: Sequence[str]) -> Queue:
    """Add up what postqueue -j prints, a line for each letter."""
    letters = [json.loads(line) for line in lines]
    machines: dict[str, tuple[int, int]] = {}
    for one in letters:
        for machine in {to["address"].rpartition("@")[2] for to in one["recipients"]}:
            number, size = machines.get(machine, (0, 0))
            machines[machine] = (number + 1, size + one["message_size"])
    reasons = Counter(reason for one in letters for to in one["recipients"] if (reason := to.get("delay_reason")))
    return Queue(
        len(letters),
        sum(one["message_size"] for one in letters),
        min((float(one["arrival_time"]) for one in letters), default=0.0),
        reasons.most_common(1)[0][0] if reasons else "",
        machines,
    )


def _said(refused: dict[str, tuple[int, bytes]]) -> str:
    return "; ".join(sorted({f"{code} {_text(text)}" for code, text in refused.values()}))


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said
