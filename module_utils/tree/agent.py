"""One run on the machine: read the picture, compare, act in order, answer."""

from __future__ import annotations

import os

from . import accounts, commands, packages, units
from .digests import Digests
from .picture import Picture, Problem, covers
from .state import DIRECTORY, State, refuse_shared
from .transaction import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# apt reads these while packages are installed, so they come first.
BEFORE_PACKAGES = ("/etc/apt", "/etc/dpkg")
UNIT_FILES = "/etc/systemd/system"


def converge(given: Mapping[str, Any], directory: str = DIRECTORY) -> dict[str, Any]:
    """Make the machine look like the picture; return the result as Ansible shows it. Never raises Problem: it becomes `failed`."""
    os.umask(0o022)
    result: dict[str, Any] = {"changed": False, "paths": [], "packages": [], "commands": [], "units": {}}
    try:
        _converge(Picture(given), directory, result)
    except Problem as problem:
        result.update(failed=True, msg=str(problem))
    except OSError as error:
        result.update(failed=True, msg=f"{error.filename or 'the machine'}: {error.strerror}")
    result["changed"] = bool(result["paths"] or result["packages"] or result["commands"] or result["units"] or result.get("accounts"))
    return result


def _converge(picture: Picture, directory: str, result: dict[str, Any]) -> None:
    asked_packages, asked_units = packages.ask(picture.packages), units.ask(picture.units)
    state = State(picture.name, directory)
    claims = state.claims_of_others()
    entries = list(picture.entries.values())
    refuse_shared(picture.name, picture.entries, claims)
    missing, interrupted = packages.missing(picture.packages, asked_packages)
    shown = units.states(picture.units, asked_units)
    transaction = Transaction(picture, state, result)
    if missing:
        transaction.apply([entry for entry in entries if any(covers(prefix, entry.path) for prefix in BEFORE_PACKAGES)])
        result["packages"] = missing
        if not picture.check:
            packages.install(missing, picture.debconf, interrupted)
    elif picture.packages and not picture.check:
        packages.release_leftover()
    transaction.apply([entry for entry in entries if entry.path.startswith(accounts.SYSUSERS)])
    _accounts(picture, transaction, result)
    transaction.apply(entries, missing_accounts_are_fine=bool(picture.check))
    transaction.remove([path for path in state.data["files"] if path not in picture.entries and path not in claims])
    _directories(picture, transaction, result)
    transaction.verify(picture.verify)
    state.data["packages"] = picture.packages
    digests = Digests(picture.entries, transaction.removed)
    commands.follow(picture, digests, state, result)
    if missing or transaction.changed_below(UNIT_FILES) or any(block.get("NeedDaemonReload") == "yes" for block in shown.values()):
        if not picture.check:
            units.reload_daemon()
            shown = units.states(picture.units, units.ask(picture.units))
    _units(picture, digests, state, shown, result)
    if not picture.check:
        state.save()


def _accounts(picture: Picture, transaction: Transaction, result: dict[str, Any]) -> None:
    entries = picture.entries.values()
    lacking = accounts.missing_accounts(entries)
    if lacking:
        result["accounts"] = sorted(name for names in lacking.values() for name in names)
    due = set(lacking) | {path for path in transaction.changed if path.startswith(accounts.SYSUSERS)}
    if due and not picture.check:
        accounts.make_accounts(due)


def _directories(picture: Picture, transaction: Transaction, result: dict[str, Any]) -> None:
    wrong = accounts.wrong_directories(picture.entries.values())
    result["paths"] += [path for paths in wrong.values() for path in paths if path not in result["paths"]]
    due = set(wrong) | {path for path in transaction.changed if path.startswith(accounts.TMPFILES)}
    if due and not picture.check:
        accounts.make_directories(due)
        for source, paths in accounts.wrong_directories(picture.entries.values()).items():
            raise Problem(f"systemd-tmpfiles was content, but {', '.join(paths)} is not as {source} says: do two files disagree?")


def _units(picture: Picture, digests: Digests, state: State, shown: dict[str, dict[str, str]], result: dict[str, Any]) -> None:
    remembered = state.data["units"]
    started = []
    for unit in picture.units:
        verbs, now = units.plan(unit, shown[unit.name], digests, remembered.get(unit.name), picture.check)
        if verbs:
            result["units"][unit.name] = verbs
            if not picture.check:
                units.act(unit, verbs)
                if {"start", "restart", "reload-or-restart"} & set(verbs):
                    started.append(unit)
        if not picture.check:
            remembered[unit.name] = now
            if verbs:
                state.save()
    try:
        units.confirm(started)
    except Problem:
        for unit in started:
            remembered.pop(unit.name, None)
        state.save()
        raise
    wanted = {unit.name for unit in picture.units}
    state.data["units"] = {name: now for name, now in remembered.items() if name in wanted}
