"""Teach SpamAssassin what reviewers have said."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import message
from .database import Database
from .errors import PurgedError
from .settings import Review

_PATIENCE = 600
Entry = tuple[int, bytes, str]


@dataclass(slots=True)
class Learned:
    """What a run has done. Counts of messages."""

    learned: int = 0
    failed: int = 0
    #: Nothing to learn from: too large, or purged.
    skipped: int = 0
    #: Tried in vain, to be tried again.
    waiting: int = 0


def learn(database: Database, settings: Review) -> Learned:
    """Feed a batch of the queue to sa-learn: each message once. Raises BusyError when another run is at it, and AwayError."""
    done = Learned()
    with database.lock("posthouse.quarantine.learn", refusal="another run is learning"):
        entries: list[Entry] = [
            (int(tag), bytes(mail_id), str(verdict))
            for tag, mail_id, verdict in database.rows(
                "SELECT partition_tag, mail_id, verdict FROM learn WHERE state = 'waiting' ORDER BY queued_at, mail_id LIMIT %s",
                (settings.learn_batch,),
            )
        ]
        for verdict in ("spam", "ham"):
            _teach(database, settings, verdict, [entry for entry in entries if entry[2] == verdict], done)
    return done


def _teach(database: Database, settings: Review, verdict: str, entries: list[Entry], done: Learned) -> None:
    with tempfile.TemporaryDirectory(prefix="quarantine-learn-") as directory:
        files: dict[Entry, Path] = {}
        for number, entry in enumerate(entries):
            try:
                raw, cut = message.beginning(message.chunks(database, entry[0], entry[1].decode()), settings.learn_largest)
            except PurgedError:
                done.skipped += _fail(database, entry, "purged before it was learned")
                continue
            if cut:
                done.skipped += _fail(database, entry, f"larger than {settings.learn_largest} bytes")
                continue
            files[entry] = Path(directory) / str(number)
            files[entry].write_bytes(message.without_ours(raw))
        if not files:
            return
        fault = _call(settings, verdict, list(files.values()))
        for entry, path in files.items():
            # One of many has failed, or all: each by itself tells which.
            own = fault and (_call(settings, verdict, [path]) if len(files) > 1 else fault)
            if own:
                _postpone(database, settings, entry, own, done)
            else:
                _done(database, entry, done)


def _call(settings: Review, verdict: str, files: list[Path]) -> str:
    """Run sa-learn; return what went wrong, or nothing."""
    try:
        ran = subprocess.run(
            [*settings.learn_command, f"--{verdict}", "--max-size=0", *files],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"sa-learn took longer than {_PATIENCE} s"
    except OSError as fault:
        return f"sa-learn cannot be run: {fault.strerror}"
    # "Learned tokens from 0 message(s) (1 message(s) examined)" is fine: it knew the message already.
    match = re.search(r"\((\d+) message\(s\) examined\)", ran.stdout)
    if ran.returncode == 0 and match and int(match[1]) == len(files):
        return ""
    said = next((line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.strip()), "nothing")
    return f"sa-learn ended with {ran.returncode} and said: {said}"[:255]


def _done(database: Database, entry: Entry, done: Learned) -> None:
    # Only if nobody has changed the verdict meanwhile: then it waits for the next run.
    done.learned += database.run(
        "UPDATE learn SET state = 'learned', reason = '', done_at = CURRENT_TIMESTAMP, tries = tries + 1"
        " WHERE partition_tag = %s AND mail_id = %s AND verdict = %s AND state = 'waiting'",
        entry,
    )


def _fail(database: Database, entry: Entry, reason: str) -> int:
    return database.run(
        "UPDATE learn SET state = 'failed', reason = %s, done_at = CURRENT_TIMESTAMP"
        " WHERE partition_tag = %s AND mail_id = %s AND verdict = %s",
        (reason, *entry),
    )


def _postpone(database: Database, settings: Review, entry: Entry, reason: str, done: Learned) -> None:
    tried = database.value("SELECT tries FROM learn WHERE partition_tag = %s AND mail_id = %s", entry[:2]) or 0
    if int(tried) + 1 >= settings.learn_tries:
        done.failed += _fail(database, entry, reason)
        return
    database.run(
        "UPDATE learn SET tries = tries + 1, reason = %s, queued_at = CURRENT_TIMESTAMP WHERE partition_tag = %s AND mail_id = %s",
        (reason, *entry[:2]),
    )
    done.waiting += 1
