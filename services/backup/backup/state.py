"""Fetch what machines of the site have sealed, keep it in generations, and say whether each is still what was sealed.

What is fetched can be opened by an operator only, so whoever gets at this machine reads nothing of it (docs/site_state.md).
"""

from __future__ import annotations

import argparse
import json
import logging
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from posthouse import generations, state
from posthouse.generations import Sheet, SheetError

from . import jobs, room
from .settings import Settings

#: Where the control node puts what it seals (playbooks/backup-site.yml).
CONTROL = "control"
_log = logging.getLogger(__name__)
_BLOCK = 1 << 16
_PATIENCE = 120.0
#: A list longer than this is no list of a few generations.
_LONGEST = 1 << 20
#: Seconds by which another machine's clock may be ahead of ours. One from next year would stand before all that follow.
_AHEAD = 3600
#: So many files are offered at most, and so many bytes may one be larger than four times the last.
_MOST, _GROWTH = 40, 1 << 30
#: When the age of a source is a warning and when it is critical, in hours: of what a person brings by a playbook, and of what never came.
_SITE = [35 * 24, 100 * 24]
_NEVER_SEALED = [48, 100 * 24]


class FetchError(Exception):
    """A machine did not hand over what it should; the message says why."""


def add(commands: Any) -> None:
    """Add the subcommands."""
    about = "what machines know beside mail, sealed to the operators' keys"
    steps = commands.add_parser("state", help=about, description=about).add_subparsers(dest="step", required=True)
    for name, run, text in (
        ("list", _list, "say which generations are here, newest first"),
        ("fetch", _fetch, "fetch what machines have sealed since the last time, and remove what has been kept long enough"),
        ("check", _check, "read every generation and say which is no more what was sealed"),
    ):
        step = steps.add_parser(name, help=text, description=text)
        step.add_argument("--json", action="store_true", help="one JSON object instead of lines")
        step.set_defaults(run=run)
        if name == "fetch":
            step.add_argument("--check", action="store_true", help="say what would be fetched and fetch nothing")
            step.add_argument("--any-size", action="store_true", help="also what is many times as large as the last one")
        else:
            step.add_argument("--name", help="only of this name, as directory, quarantine or site")


def folder(settings: Settings) -> Path:
    """Return where the generations of all machines lie, each machine's in a folder of its name."""
    return settings.home / "site"


def here(settings: Settings, name: str = "") -> list[tuple[Path, Sheet]]:
    """Return the generations that are here and the folder of each, newest first."""
    places = sorted(path for path in folder(settings).glob("*") if path.is_dir())
    found = [(place, one) for place in places for one in generations.listed(place) if not name or one.name == name]
    return sorted(found, key=lambda pair: pair[1].at, reverse=True)


def _list(settings: Settings, given: argparse.Namespace) -> int:
    rows = [{**asdict(one), "path": str(place / one.file)} for place, one in here(settings, given.name or "")]
    if given.json:
        print(json.dumps({"generations": rows}))
    else:
        print("\n".join(f"{one['at']}  {one['name']:12} {one['machine']:12} {one['size']:12}  {one['path']}" for one in rows) or "nothing")
    return 0 if rows else 1


def _check(settings: Settings, given: argparse.Namespace) -> int:
    faults = {}
    found = here(settings, given.name or "")
    for place, one in found:
        if fault := generations.wrong(place / one.file, one):
            faults[str(place / one.file)] = fault
    if given.json:
        print(json.dumps({"checked": len(found), "faults": faults}))
    else:
        print("\n".join([*(f"{path}: {fault}" for path, fault in faults.items()), f"{len(found)} checked, {len(faults)} wrong"]))
    return 1 if faults else 0


def _fetch(settings: Settings, given: argparse.Namespace) -> int:
    """Ask each machine; what one of them does not give hinders no other."""
    if given.check:
        return _would(settings, given.json)
    done: dict[str, Any] = {"fetched": [], "removed": [], "faults": {}}
    folder(settings).mkdir(mode=0o700, exist_ok=True)
    try:
        with state.alone(folder(settings)), jobs.job(settings.home / "state", jobs.STATE) as detail:
            for machine in settings.state_machines:
                try:
                    done["fetched"] += fetch(settings, machine, given.any_size)
                except FetchError as fault:
                    done["faults"][machine] = str(fault)
            for place in folder(settings).iterdir():
                if place.is_dir():
                    done["removed"] += generations.thin(place, settings.state_days)
            detail["sources"] = sources(settings, done["faults"])
            _all_well(done["faults"])
    except jobs.Imperfect as fault:
        _log.warning("%s", fault)
    if given.json:
        print(json.dumps(done))
    else:
        print(f"{len(done['fetched'])} fetched, {len(done['removed'])} removed, {len(done['faults'])} machines did not hand over theirs")
    return 1 if done["faults"] else 0


def _all_well(faults: dict[str, str]) -> None:
    if faults:
        raise jobs.Imperfect("; ".join(f"{machine}: {fault}" for machine, fault in faults.items()))


def _would(settings: Settings, as_json: bool) -> int:
    wanted, faults = [], {}
    for machine in settings.state_machines:
        try:
            wanted += [one.file for one in lacking(settings, machine, offered(settings, machine))]
        except FetchError as fault:
            faults[machine] = str(fault)
    if as_json:
        print(json.dumps({"would_fetch": wanted, "faults": faults}))
    else:
        print("\n".join([*(f"would fetch {file}" for file in wanted), *(f"{machine}: {fault}" for machine, fault in faults.items())]))
    return 1 if faults else 0


def sources(settings: Settings, faults: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return of each source the time of its newest generation (seconds since 1970) and why there is no newer one, if there is a reason."""
    found: dict[str, dict[str, Any]] = {}
    for place, one in here(settings):
        fault = next((why for machine, why in faults.items() if _short(machine) == place.name), "")
        found.setdefault(f"{one.name} of {place.name}", {"newest": one.time, "fault": fault})
    known = {name.rpartition(" of ")[2] for name in found}
    for machine in settings.state_machines:
        if _short(machine) not in known:
            # On its first day it has sealed nothing yet, and one without an operator's key says so itself.
            found[f"state of {_short(machine)}"] = {"newest": 0.0, "fault": faults.get(machine, ""), "hours": _NEVER_SEALED}
    site = found.setdefault(f"site of {CONTROL}", {"newest": 0.0, "fault": ""})
    site["hours"] = _SITE if site["newest"] else _NEVER_SEALED
    return found


def fetch(settings: Settings, machine: str, any_size: bool = False) -> list[str]:
    """Fetch what a machine has sealed since the last time; return the files. Raises FetchError."""
    place = folder(settings) / _short(machine)
    wanted = lacking(settings, machine, offered(settings, machine))
    place.mkdir(mode=0o700, exist_ok=True)
    # A machine that fell into wrong hands shall not fill this one's disk.
    for one in [] if any_size else wanted:
        last = next((known.size for known in generations.listed(place) if known.name == one.name), one.size)
        if one.size > 4 * last + _GROWTH:
            raise FetchError(
                f"{one.file} has {one.size >> 20} MB, the last one had {last >> 20}: if that is right, backup state fetch --any-size"
            )
    for left in place.glob(".*.part"):
        if left.name not in {_part(one) for one in wanted}:
            left.unlink()
    for sheet in wanted:
        _bring(settings, machine, place, sheet)
    return [sheet.file for sheet in wanted]


def lacking(settings: Settings, machine: str, offers: list[Sheet]) -> list[Sheet]:
    """Return what is newer than all that is here, oldest first: what was removed here for its age is not fetched again."""
    place = folder(settings) / _short(machine)
    newest: dict[str, str] = {}
    for one in generations.listed(place) if place.exists() else []:
        newest.setdefault(one.name, one.at)
    return sorted((one for one in offers if one.at > newest.get(one.name, "")), key=lambda one: one.at)


def offered(settings: Settings, machine: str) -> list[Sheet]:
    """Return what a machine offers. Raises FetchError."""
    with _asked(settings, machine, "list") as answer:
        told = b""
        while block := answer.recv(_BLOCK):
            told += block
            if len(told) > _LONGEST:
                raise FetchError("its list is longer than a list can be")
    try:
        sheets = [generations.parse(one) for one in json.loads(told)]
    except (ValueError, TypeError, SheetError) as fault:
        raise FetchError(f"its list cannot be read: {fault}") from fault
    # A machine speaks for itself only: else one that fell into wrong hands would bring a directory of its own making.
    if len(sheets) > _MOST:
        raise FetchError(f"it offers {len(sheets)} files, which is more than a machine keeps")
    if strange := {one.machine for one in sheets} - {_short(machine)}:
        raise FetchError(f"it offers what is another machine's ({', '.join(sorted(strange))})")
    if any(one.time > time.time() + _AHEAD for one in sheets):
        raise FetchError("it offers what it will have sealed another day: its clock is wrong")
    return sheets


def _bring(settings: Settings, machine: str, place: Path, sheet: Sheet) -> None:
    """Fetch one file, from where the last run was cut off."""
    partial = place / _part(sheet)
    try:
        room.needed(settings, sheet.size)
    except room.FullError as fault:
        raise FetchError(str(fault)) from fault
    begin = partial.stat().st_size if partial.exists() else 0
    if begin > sheet.size:
        partial.unlink()
        begin = 0
    if begin < sheet.size:
        with _asked(settings, machine, f"get {sheet.file} {begin}") as answer, partial.open("ab") as out:
            _copy(answer, out, sheet, begin)
    if why := generations.wrong(partial, sheet):
        partial.unlink()
        raise FetchError(f"{why}; it is fetched anew the next time")
    generations.publish(place, sheet, partial, 0o600)


def _copy(answer: ssl.SSLSocket, out: Any, sheet: Sheet, begin: int) -> None:
    said = b""
    while b"\n" not in said and len(said) < 100 and (block := answer.recv(100)):
        said += block
    line, _, rest = said.partition(b"\n")
    if line != f"ok {sheet.size}".encode():
        raise FetchError(f"it does not hand over {sheet.file}: {line[:80].decode('ascii', 'replace')}")
    left = sheet.size - begin - len(rest)
    out.write(rest)
    while left >= 0 and (block := answer.recv(_BLOCK)):
        left -= len(block)
        out.write(block)
    if left < 0:
        raise FetchError(f"{sheet.file} is longer than its sheet says")


@contextmanager
def _asked(settings: Settings, machine: str, line: str) -> Iterator[ssl.SSLSocket]:
    """Connect, prove ourselves and ask. Raises FetchError for whatever goes wrong on the way, also within the block."""
    try:
        context = ssl.create_default_context(cafile=settings.tls.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(settings.tls.certificate, settings.tls.key)
        with (
            socket.create_connection((machine, settings.state_port), timeout=_PATIENCE) as plain,
            # A line that is cut without TLS's own farewell is an error: half a file never looks whole.
            context.wrap_socket(plain, server_hostname=machine, suppress_ragged_eofs=False) as secure,
        ):
            secure.sendall(f"{line}\n".encode())
            yield secure
    except OSError as fault:
        raise FetchError(f"it does not hand over anything: {fault}; journalctl -u posthouse-site-state@* there says more") from fault


def _part(sheet: Sheet) -> str:
    return f".{sheet.file}.part"


def _short(machine: str) -> str:
    return machine.partition(".")[0]
