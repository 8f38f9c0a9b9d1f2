"""What a reviewer does: look, release, confirm, delete. Each act leaves a row in the audit table."""
# ruff: noqa: S608, because statements are put together from words of this file; what comes from outside is always a parameter

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from . import ampdp, message
from .database import Database
from .errors import AlreadyError, AwayError, BusyError, PurgedError, QuarantineError, UncertainError, UsageError
from .items import Item, Scope, find
from .settings import Review


class Release(Protocol):
    """What sends a message; ampdp.release() in earnest."""

    def __call__(self, *, mail_id: bytes, secret_id: bytes, partition_tag: int, recipient: bytes) -> str:
        """Send it to one recipient and return the code of the answer."""


@dataclass(frozen=True, slots=True)
class Done:
    """One act on one item, for the caller: result is a word, detail a code or nothing."""

    item: Item
    result: str
    detail: str = ""


def filter_release(settings: Review) -> Release:
    """Return the release that goes through amavis on this machine."""
    return partial(ampdp.release, settings.filter_socket, settings.release_timeout)


class Reviewer:
    """Somebody who acts, on everybody's items or on their own.

    actor: who it is, for the audit: an address, or user@machine. scope: whose items (items.person(), or Scope() for all).
    Every method raises the errors of items.find(); BusyError and AwayError may be tried again.
    """

    def __init__(self, database: Database, actor: str, scope: Scope, release: Release | None = None) -> None:
        self._database, self._actor, self._scope, self._send = database, actor[:255], scope, release

    def choose(self, mail_id: str, recipients: tuple[str, ...] = (), every: bool = False) -> list[Item]:
        """Return the items meant: the only one, those of the recipients named, or every one."""
        items = find(self._database, self._scope, mail_id)
        if recipients:
            wanted = {one.lower() for one in recipients}
            if missing := wanted - {item.recipient.lower() for item in items}:
                raise UsageError(f"{mail_id} is not for {', '.join(sorted(missing))}")
            return [item for item in items if item.recipient.lower() in wanted]
        if len(items) > 1 and not every:
            raise UsageError(f"{mail_id} has {len(items)} recipients: say for which of them, or for all")
        return items

    def look(self, mail_id: str) -> tuple[list[Item], message.Shown]:
        """Return a message's items in the scope, and what it says. Who looks at own mail has seen it; who looks at another's is noted."""
        items = find(self._database, self._scope, mail_id)
        shown = message.show(*message.beginning(message.chunks(self._database, items[0].partition, mail_id)))
        self._looked(items)
        return items, shown

    def raw(self, mail_id: str) -> Iterator[bytes]:
        """Yield a message as it came, byte by byte, without the filter's own header fields."""
        items = find(self._database, self._scope, mail_id)
        self._looked(items)
        yield from message.original(message.chunks(self._database, items[0].partition, mail_id))

    def _looked(self, items: list[Item]) -> None:
        with self._database.transaction():
            for item in items:
                if self._scope.addresses is not None:
                    self._mark(item, "V", " ")
                self._note("show", item, "shown")

    # --- Release ----------------------------------------------------------------------------------------------------------------

    def release(self, item: Item, again: bool = False) -> Done:
        """Send the message to the item's recipient, and to nobody else; spam that is released is learned as ham.

        Of two at once one sends and the other gets BusyError: a lock of the server, which ends with its holder, covers the sending. A
        release that was cut off leaves the item pending, and UncertainError says so until somebody says again. again: send it although
        it was released, delivered, deleted, confirmed or cut off before.
        """
        if self._send is None:
            raise UsageError("nothing was given that could release")
        with self._held(item):
            return self._release(self._fresh(item), again)

    def _release(self, item: Item, again: bool) -> Done:
        if not again:
            self._refuse_done(item, ("released", "delivered", "deleted", "confirmed"))
        secret = self._database.value(
            "SELECT secret_id FROM msgs m WHERE partition_tag = %s AND mail_id = %s AND EXISTS"
            " (SELECT 1 FROM quarantine q WHERE q.partition_tag = m.partition_tag AND q.mail_id = m.mail_id)",
            (item.partition, item.id.encode()),
        )
        if not secret:
            raise PurgedError(f"the text of {item.id} is not kept any more")
        with self._database.transaction():
            before = self._database.value(f"SELECT rs FROM msgrcpt {_WHERE}", _key(item))
            if before != "p" and not self._mark(item, "p", before):
                raise BusyError(f"{item.id} is being changed at this moment")
            self._note("release", item, "begun")
        try:
            assert self._send
            answer = self._send(
                mail_id=item.id.encode(), secret_id=bytes(secret), partition_tag=item.partition, recipient=item.recipient.encode()
            )
        except UncertainError:
            self._note("release", item, "cut off")
            raise
        except QuarantineError as fault:
            # Surely not sent: as it was before.
            with self._database.transaction():
                self._mark(item, before if before != "p" else " ", "p")
                self._note("release", item, fault.word, str(fault))
            raise
        try:
            with self._database.transaction():
                self._mark(item, "R", "p")
                self._note("release", item, "released", answer)
                if item.kind == "spam":
                    self._learn(item, "ham")
        except AwayError as fault:
            raise UncertainError(f"{item.id} was released to {item.recipient}, but the database went away before it was noted") from fault
        return Done(item, "released", answer)

    @contextmanager
    def _held(self, item: Item) -> Iterator[None]:
        name = f"posthouse.item.{item.partition}.{item.id}.{item.number}"
        with self._database.lock(name, refusal=f"{item.id} is being released to {item.recipient} at this moment"):
            yield

    def _fresh(self, item: Item) -> Item:
        """Return the item as it is now: the list from which it was chosen may be old."""
        for one in find(self._database, self._scope, item.id):
            if (one.partition, one.number) == (item.partition, item.number):
                return one
        raise PurgedError(f"{item.id} is not kept any more")

    @staticmethod
    def _refuse_done(item: Item, states: tuple[str, ...]) -> None:
        if item.state == "pending":
            raise UncertainError(f"a release of {item.id} to {item.recipient} was cut off: it may have been delivered or not")
        if item.state in states:
            raise AlreadyError(
                f"{item.id} was {'confirmed as spam' if item.state == 'confirmed' else item.state} already ({item.recipient})"
            )

    # --- Judge and remove -------------------------------------------------------------------------------------------------------

    def confirm(self, item: Item) -> Done:
        """Say that it is spam: it is learned, and no longer listed."""
        return self._settle(item, "confirm", "C", ("confirmed", "deleted"), lambda one: self._learn(one, "spam"))

    def delete(self, item: Item) -> Done:
        """Mark it for deletion: the next purge removes it when no other recipient needs it."""
        return self._settle(item, "delete", "D", ("deleted", "confirmed"), lambda _: None)

    def approve(self, item: Item) -> Done:
        """Say that it is no spam: it is learned, and stays where it is."""
        with self._database.transaction():
            self._learn(item, "ham")
            self._note("approve", item, "learned")
        return Done(item, "approved")

    def _settle(self, item: Item, act: str, letter: str, states: tuple[str, ...], further: Callable[[Item], None]) -> Done:
        with self._held(item):
            fresh = self._fresh(item)
            self._refuse_done(fresh, states)
            with self._database.transaction():
                if not self._database.run(f"UPDATE msgrcpt SET rs = '{letter}' {_WHERE} AND rs NOT IN ('p', '{letter}')", _key(fresh)):
                    raise BusyError(f"{item.id} is being changed at this moment")
                self._database.run("INSERT IGNORE INTO disposal (partition_tag, mail_id) VALUES (%s, %s)", _key(fresh)[:2])
                further(fresh)
                self._note(act, fresh, f"{act}d" if act.endswith("e") else f"{act}ed")
        return Done(fresh, "deleted" if letter == "D" else "confirmed")

    # --- What is written down ---------------------------------------------------------------------------------------------------

    def _mark(self, item: Item, letter: str, before: str) -> int:
        return self._database.run(f"UPDATE msgrcpt SET rs = %s {_WHERE} AND rs = %s", (letter, *_key(item), before))

    def _learn(self, item: Item, verdict: str) -> None:
        self._database.run(
            "INSERT INTO learn (partition_tag, mail_id, verdict, actor) VALUES (%s, %s, %s, %s) ON DUPLICATE KEY UPDATE"
            " state = IF(verdict = VALUES(verdict) AND state = 'learned', 'learned', 'waiting'), tries = 0, reason = '',"
            " actor = VALUES(actor), queued_at = CURRENT_TIMESTAMP, verdict = VALUES(verdict)",
            (item.partition, item.id.encode(), verdict, self._actor),
        )

    def _note(self, act: str, item: Item, result: str, detail: str = "") -> None:
        self._database.run(
            "INSERT INTO audit (actor, act, partition_tag, mail_id, recipient, result, detail) VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (self._actor, act, item.partition, item.id.encode(), item.recipient.encode()[:255], result, detail[:255]),
        )


_WHERE = "WHERE partition_tag = %s AND mail_id = %s AND rseqnum = %s"


def _key(item: Item) -> tuple[int, bytes, int]:
    return item.partition, item.id.encode(), item.number
