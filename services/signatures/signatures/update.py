"""One run: fetch, look at what is offered, test what is new, put a whole tested set into use, and see clamd serve it."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import databases, fetch, sets, trial
from .clamd import Clamd
from .fetch import FetchError
from .record import Fetching, File, Record, now
from .settings import Settings
from .trial import TrialError

_log = logging.getLogger(__name__)


class UpdateError(RuntimeError):
    """There is no set to use; the sentence says why."""


@dataclass(frozen=True)
class Offer:
    """A database that a source offers now."""

    path: Path
    source: str


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Let one run at a time change anything."""
    settings.sets.mkdir(parents=True, exist_ok=True)
    with (settings.home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(settings: Settings, *, fetching: bool = True, accept_loss: bool = False) -> Record:
    """Do everything once and return the record. Raises UpdateError when no set is in use afterwards."""
    with alone(settings):
        record = Record.read(settings.home / "state.json")
        try:
            if fetching:
                _fetch(settings, record)
            _renew(settings, record, accept_loss)
        finally:
            record.updated = now()
            record.write(settings.home / "state.json")
        _serve(settings)
        return record


def _fetch(settings: Settings, record: Record) -> None:
    sources: dict[str, Callable[[Settings], None]] = {}
    if settings.official:
        sources[fetch.OFFICIAL] = fetch.official
    if settings.fangfrisch:
        sources[fetch.EXTRA] = fetch.extra
    record.fetching = {name: record.fetching.get(name, Fetching()) for name in sources}
    for name, bring in sources.items():
        try:
            bring(settings)
        except FetchError as fault:
            record.fetching[name].fault = str(fault)
            _log.warning("%s: %s", name, fault)
        else:
            record.fetching[name] = Fetching(succeeded=now())


def offers(settings: Settings) -> dict[str, Offer]:
    """Return what all sources offer, by name. The first source that offers a name has it; ours are nobody's."""
    places = [(fetch.OFFICIAL, settings.fetched(fetch.OFFICIAL))] if settings.official else []
    places += [(fetch.EXTRA, settings.fetched(fetch.EXTRA))] if settings.fangfrisch else []
    places += [(str(directory), directory) for directory in settings.local]
    found: dict[str, Offer] = {}
    for source, directory in places:
        for path in databases.in_directory(directory):
            if path.name == databases.OURS or path.name in found:
                _log.warning("%s is not used: another source has a database of this name", path)
            else:
                found[path.name] = Offer(path, source)
    return found


def _renew(settings: Settings, record: Record, accept_loss: bool) -> None:
    current = sets.active(settings)
    folder = settings.sets / current if current else None
    if not folder:
        record.files = {}
    else:
        _forget_damaged(folder, record)
    offered = offers(settings)
    if settings.official and not current and not any(name.startswith("daily.") for name in offered):
        record.fault = "there are no official signatures yet"
        raise UpdateError(f"{record.fault}: {record.fetching.get(fetch.OFFICIAL, Fetching()).fault or 'nothing was fetched'}")
    chosen: dict[str, Path] = {}
    files: dict[str, File] = {}
    changed = not current
    for name, offer in offered.items():
        known = record.files.get(name, File())
        taken = _judge(settings, offer, known, accept_loss)
        if taken is not None:
            chosen[name], files[name], changed = offer.path, taken, True
        else:
            files[name] = known
            known.source = offer.source
            if folder and known.sha256:
                chosen[name] = folder / name
    # Should freshclam's directory ever be lost, what it brought stays until it brings it again, by whichever of its two endings.
    stems = {Path(name).stem for name in offered}
    for name, one in record.files.items():
        if folder and settings.official and one.source == fetch.OFFICIAL and one.sha256 and Path(name).stem not in stems:
            chosen[name], files[name] = folder / name, one
    changed = changed or set(chosen) != {name for name, one in record.files.items() if one.sha256}
    record.fault = ""
    if not changed:
        record.files = files
        return
    identity = sets.new_identity()
    directory = sets.build(settings, identity, chosen)
    try:
        trial.run(directory, settings.clean, settings.patience)
    except TrialError as fault:
        record.fault = f"the databases do not work together: {fault}"
        for name, one in files.items():  # what was to come in stays out; it is tried again when it changes
            before = record.files.get(name, File())
            files[name] = before if one is before else File(**{**vars(before), "refused": one.sha256, "reason": record.fault})
        record.files = files
        sets.prune(settings)
        if not current:
            raise UpdateError(record.fault) from fault
        _log.error("%s; the set of before stays in use", record.fault)
        return
    sets.activate(settings, identity)
    record.identity, record.since, record.files = identity, now(), files
    sets.prune(settings)
    _log.info("set %s is in use: %d databases, %d signatures", identity, len(files), sum(one.signatures for one in files.values()))


def _forget_damaged(folder: Path, record: Record) -> None:
    """Take what is not what was put into use for not there, so that it is taken from its source again."""
    for name, one in record.files.items():
        path = folder / name
        if one.sha256 and (not path.is_file() or databases.digest(path) != one.sha256):
            _log.error("%s is damaged", path)
            record.files[name] = File(source=one.source)


def _judge(settings: Settings, offer: Offer, known: File, accept_loss: bool) -> File | None:
    """Return what a database will be known as when it is new and fit for use; note the refusal and return nothing otherwise."""
    try:
        digest = databases.digest(offer.path)
        # Something that was once refused for a reason which lies in itself need not be tested every hour.
        if digest in (known.sha256, known.refused) and not (accept_loss and known.refused == digest):
            if digest == known.sha256:
                known.refused = known.reason = ""
            return None
        key = settings.keys.get(offer.path.name)
        if key is not None:
            fetch.verify(offer.path, key)
        least = 1 if accept_loss else max(1, known.signatures * (100 - settings.loss_percent) // 100)
        signatures = trial.alone(offer.path, settings.clean, settings.patience, least)
        return File(source=offer.source, sha256=digest, signatures=signatures, since=now())
    except FetchError as fault:
        # A signature may come a moment after its file: look again at the next run.
        known.refused, known.reason = "", str(fault)
        _log.warning("%s is refused: %s", offer.path, fault)
    except (TrialError, OSError) as fault:
        known.refused, known.reason = digest if not isinstance(fault, OSError) else "", str(fault)
        _log.warning("%s is refused: %s", offer.path, fault)
    return None


def _serve(settings: Settings) -> None:
    """See that clamd works with the set in use. A clamd that is not there reads it when it starts."""
    clamd = Clamd(settings.socket)
    identity = sets.active(settings)
    if not identity or clamd.serves(identity) or not clamd.ping():
        return
    try:
        clamd.reload()
    except OSError as fault:
        _log.warning("clamd: %s", fault)
        return
    if clamd.wait_until_it_serves(identity, settings.reload_patience):
        _log.info("clamd serves set %s", identity)
    else:
        _log.error("clamd does not serve set %s after %d s", identity, settings.reload_patience)
