"""Find letters among what is kept of a person: in the mirror, among what they removed, among copies of what was delivered."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from posthouse.placement import unusable
from posthouse.text import shortened, visible

from . import doveadm, kept, maildirs
from .settings import Settings

_log = logging.getLogger(__name__)
FINE, FAULT, USAGE = 0, 1, 2
MIRROR, REMOVED, COPY = "mirror", "removed", "copy"
#: Folders of removed letters, on the disk.
_OF = "of/"
_FIELDS = ["guid", "mailbox", "date.received.unixtime", "size.physical", "hdr.from.utf8", "hdr.subject.utf8", "hdr.message-id"]
_EXITS = "Exit codes: 0 found; 1 nothing found, or not known here; 2 wrong use or configuration."


class UnknownError(Exception):
    """This machine keeps nothing of such a person; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A letter. where: MIRROR, REMOVED or COPY. received: seconds since 1970."""

    guid: str
    folder: str
    where: str
    received: float
    size: int
    sender: str
    subject: str
    message_id: str

    @property
    def line(self) -> str:
        """As people read it."""
        when = datetime.fromtimestamp(self.received, UTC).strftime("%Y-%m-%d %H:%M:%S")
        what = f"{shortened(visible(self.sender), 40)}: {shortened(visible(self.subject), 60)}"
        return f"{when}  {self.where:7}  {visible(self.folder)}  {self.size:>9} bytes  {what}  guid {visible(self.guid)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for; everything that is said has to fit. Times: seconds since 1970, since is in, before is out."""

    sender: str = ""
    subject: str = ""
    message_id: str = ""
    token: str = ""
    folder: str = ""
    guid: str = ""
    since: float = 0.0
    before: float = 0.0

    def words(self) -> list[str]:
        """Return what doveadm searches for."""
        headers = {"from": self.sender, "subject": self.subject, "message-id": self.message_id}
        words = [word for name, value in headers.items() if value for word in ("header", name, value)]
        return words + (["text", self.token] if self.token else [])

    def fits(self, one: Found) -> bool:
        """Say whether a letter that doveadm found fits the rest."""
        when = self.since <= one.received and (not self.before or one.received < self.before)
        return when and (not self.folder or one.folder == self.folder) and (not self.guid or one.guid == self.guid)


def search(settings: Settings, person: str, query: Query) -> list[Found]:
    """Return the letters that fit, each once, oldest first: as the mirror has it, else as it was removed, else its copy.

    Raises UnknownError, doveadm.DoveadmError.
    """
    known(settings, person)
    found: dict[tuple[str, str], Found] = {}
    guids: set[str] = set()
    for where in (MIRROR, REMOVED, COPY):
        here = [one for one in _looked(settings, person, where, query) if one.guid not in guids and query.fits(one)]
        guids |= {one.guid for one in here}
        found |= {(one.guid, one.folder): one for one in here}
    return sorted(found.values(), key=lambda one: (one.received, one.folder, one.guid))


def known(settings: Settings, person: str) -> None:
    """Raise UnknownError when this machine keeps nothing of a person."""
    if why := unusable(person):
        raise UnknownError(f"{visible(person)!r} is no login that is backed up: {why}")
    if not settings.person(person).is_dir():
        others = ", ".join(one for one in settings.machines if one != settings.hostname) or "no other machine"
        raise UnknownError(
            f"{settings.hostname} keeps nothing of {visible(person)!r}: the login is written as in the directory's uid; also ask {others}"
        )


def folders(settings: Settings, person: str) -> set[str]:
    """Return the names of folders from which letters of a person are kept."""
    home = settings.person(person)
    removed = {one.removeprefix(_OF) for one in maildirs.folders(home / "removed") if one.startswith(_OF)}
    copied = {one.facts.folder for one in kept.copies(person, 0.0, [])} if maildirs.folders(home / "copies") else set()
    return set(maildirs.folders(home / "mirror")) | removed | copied


def _looked(settings: Settings, person: str, where: str, query: Query) -> list[Found]:
    home = settings.person(person)
    if where == MIRROR:
        words = ["mailbox", query.folder] if query.folder else []
        place = doveadm.Place(person)
        there = bool(maildirs.folders(home / "mirror"))
    elif where == REMOVED:
        words = ["mailbox", f"{doveadm.REMOVED_FOLDERS}{query.folder or '*'}"]
        place = doveadm.Place(person, doveadm.REMOVED)
        there = bool(maildirs.folders(home / "removed"))
    else:
        words, place = ["mailbox", maildirs.INBOX], doveadm.Place(person, doveadm.COPIES)
        there = bool(maildirs.folders(home / "copies"))
    if not there:
        return []
    asked = [*query.words(), *(["guid", query.guid] if query.guid and where != COPY else [])]
    fields = [*_FIELDS, *kept.FACTS] if where == COPY else _FIELDS
    faults: list[str] = []
    rows = kept.readable(place, fields, words, asked, faults)
    for fault in faults:
        _log.warning("%s of %s cannot be looked into: %s", where, visible(person), fault)
    return [one for row in rows if (one := (_copy(row) if where == COPY else _letter(row, where)))]


def _text(row: Mapping[str, bytes], name: str) -> str:
    return row.get(name, b"").decode("utf-8", "replace").strip()


def _letter(row: Mapping[str, bytes], where: str) -> Found:
    folder = row["mailbox"].decode("utf-8", "surrogateescape").removeprefix(doveadm.REMOVED_FOLDERS if where == REMOVED else "")
    return Found(
        row["guid"].decode("utf-8", "surrogateescape"),
        folder,
        where,
        float(row["date.received.unixtime"]),
        int(row["size.physical"]),
        _text(row, "hdr.from.utf8"),
        _text(row, "hdr.subject.utf8"),
        _text(row, "hdr.message-id"),
    )


def _copy(row: Mapping[str, bytes]) -> Found | None:
    if not (facts := kept.facts_in(row)):
        return None
    shown = (_text(row, "hdr.from.utf8"), _text(row, "hdr.subject.utf8"), _text(row, "hdr.message-id"))
    return Found(facts.guid, facts.folder, COPY, facts.saved.timestamp(), facts.size, *shown)


def moment(text: str) -> float:
    """Read a day or a time, of UTC unless it says otherwise. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def options(parser: Any) -> None:
    """Add the options that say which letters."""
    parser.add_argument("--person", required=True, metavar="UID", help="whose letters; the login, as the directory writes it")
    parser.add_argument("--from", dest="sender", default="", help="part of the header From")
    parser.add_argument("--subject", default="", help="part of the header Subject")
    parser.add_argument("--message-id", default="", help="part of the header Message-ID")
    parser.add_argument("--token", default="", help="part of the letter, header or text")
    parser.add_argument("--folder", default="", help="only what is, or was, in this folder (/ between levels)")
    parser.add_argument("--guid", default="", help="only the letter that Dovecot calls so")
    parser.add_argument("--since", type=moment, default=0.0, metavar="TIME", help="received then or later: 2026-11-30, or 2026-11-30T17:05")
    parser.add_argument("--before", type=moment, default=0.0, metavar="TIME", help="received earlier than that")


def query_of(given: argparse.Namespace) -> Query:
    """Return the query that options make."""
    return Query(**{name: getattr(given, name) for name in Query.__dataclass_fields__})


def add(subparsers: Any) -> None:
    """Make the subcommand."""
    parser = subparsers.add_parser("find", help="find letters in what is kept of a person", description=__doc__, epilog=_EXITS)
    options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.set_defaults(run=_run)


def _run(settings: Settings, given: argparse.Namespace) -> int:
    try:
        found = search(settings, given.person, query_of(given))
    except UnknownError as fault:
        return complain(given, str(fault), FAULT)
    except OSError as fault:
        return complain(given, f"{given.person}: {fault}", FAULT)
    if given.json:
        print(json.dumps({"letters": [asdict(one) for one in found]}))
    else:
        print("\n".join(one.line for one in found) or "nothing found")
    return FINE if found else FAULT


def complain(given: argparse.Namespace, sentence: str, code: int) -> int:
    """Say what is wrong, and return the exit code."""
    if given.json:
        print(json.dumps({"error": sentence}))
    else:
        print(f"backup: {sentence}", file=sys.stderr)
    return code
