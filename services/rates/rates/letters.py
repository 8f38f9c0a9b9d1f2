"""Letters of our own: the warning, and the word that a letter waits."""

from __future__ import annotations

import logging
import queue
import smtplib
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from enum import Enum

from .limits import Holder, Numbers
from .settings import Settings

_log = logging.getLogger(__name__)
_RETRY = 30.0
_MOST = 1000


class Occasion(Enum):
    """Why somebody is written to."""

    SOFT = "soft"
    HARD = "hard"


_SUBJECTS = {Occasion.SOFT: "You write to many people", Occasion.HARD: "Your letter waits to be looked at"}
_SUBJECTS_ABOUT = {Occasion.SOFT: "Near the limit: {who}", Occasion.HARD: "A letter of {who} waits to be looked at"}
_SOFT = """\
In the last {minutes} minutes letters {by} went to {used} recipients. {whose} limit is {hard}: a letter that would go
beyond it is not sent on but kept until somebody has looked at it.
"""
_HARD = """\
In the last {minutes} minutes letters {by} went to {used} recipients. A letter to {recipients} more would go beyond the
limit of {hard}, so it is kept until somebody has looked at it. It is not lost, and it need not be sent again.
Letters to fewer people may pass meanwhile.
"""
_IF_NOT = """
If you did not write these letters, somebody else knows your password: please change it at once, and tell {postmaster}.
If you have to write to many people regularly, {postmaster} can give you a higher limit.
"""
_LOOK = """
To look at what waits, on {hostname}: held list
To let it go: held release {argument}
"""


def compose(settings: Settings, occasion: Occasion, holder: Holder, to: str, numbers: Numbers, used: int, recipients: int) -> EmailMessage:
    """Return a letter to a person, or to the postmaster about a person or a device."""
    own = holder.kind == "person" and to != settings.postmaster
    who = holder.name if holder.kind == "person" else f"the device {holder.name}"
    words = {
        "minutes": round(settings.window / 60) or 1,
        "by": "of yours" if own else f"of {who}",
        "whose": "Your" if own else "The",
        "used": used,
        "hard": numbers.hard if numbers.hard >= 0 else "none",
        "recipients": recipients,
        "who": who,
        "postmaster": settings.postmaster,
        "hostname": settings.hostname,
        "argument": f"--{holder.kind} {holder.name}",
    }
    letter = EmailMessage()
    letter["From"] = f"Mail system <{settings.postmaster}>"
    letter["To"] = to
    letter["Subject"] = _line((_SUBJECTS if own else _SUBJECTS_ABOUT)[occasion].format(**words))
    letter["Date"] = format_datetime(localtime())
    letter["Message-ID"] = make_msgid(domain=settings.hostname)
    # Nobody's vacation answers it (RFC 3834).
    letter["Auto-Submitted"] = "auto-generated"
    text = (_SOFT if occasion is Occasion.SOFT else _HARD) + (_IF_NOT if own else _LOOK if occasion is Occasion.HARD else "")
    letter.set_content(text.format(**words))
    return letter


def _line(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)


class Sender:
    """Sends letters from a thread of its own, and tries again while the next stage does not take them."""

    def __init__(self, settings: Settings, retry: float = _RETRY, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._retry, self._clock = settings, retry, clock
        self._waiting: queue.Queue[tuple[float, EmailMessage]] = queue.Queue(_MOST)
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="letters", daemon=True).start()

    def send(self, letter: EmailMessage) -> None:
        """Take a letter; it is sent soon."""
        try:
            self._waiting.put_nowait((self._clock(), letter))
        except queue.Full:
            _log.warning("too many letters wait for the next stage; one to %s is not sent", letter["To"])

    def close(self) -> None:
        """Send no more."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            since, letter = self._waiting.get()
            while not self._stop.is_set():
                try:
                    self._hand_over(letter)
                    break
                except smtplib.SMTPRecipientsRefused as fault:
                    (code, said), *_ = fault.recipients.values()
                    problem, final = f"{code} {said!r}", code >= 500
                except (smtplib.SMTPException, OSError) as fault:
                    problem, final = str(fault) or type(fault).__name__, False
                if final or self._clock() - since > self._settings.window:
                    # After a window it would tell of what is no longer so.
                    _log.warning("a letter to %s could not be sent: %s", letter["To"], problem)
                    break
                self._stop.wait(self._retry)

    def _hand_over(self, letter: EmailMessage) -> None:
        with smtplib.SMTP(self._settings.server, self._settings.port, local_hostname=self._settings.hostname, timeout=30) as client:
            # Without a sender: nobody is told when it cannot be delivered (RFC 5321 4.5.5).
            client.send_message(letter, from_addr="", to_addrs=[str(letter["To"])])
