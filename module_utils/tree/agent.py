"""One run on the machine: read the picture, compare, act in order, answer."""

from __future__ import annotations

import os

from . import accounts, commands, packages, units
from .asked import Asked
from .digests import Digests
from .picture import Picture, Problem, covers
from .rest import Others, remembered
from .state import DIRECTORY, State, locked, refuse_shared
from .transaction import Transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# apt reads these while packages are installed, so they come first.
BEFORE_PACKAGES = ("/etc/apt", "/etc/dpkg")
ACTS = ("paths", "packages", "accounts", "commands", "units")


def converge(given: Mapping[str, Any], directory: str = DIRECTORY) -> dict[str, Any]:
    """Make the machine look like the picture; return the result as Ansible shows it. What goes wrong becomes `failed` and `msg`."""
    os.umask(0o022)
    result: dict[str, Any] = {"changed": False, "paths": [], "packages": [], "commands": [], "units": {}}
    try:
        picture = Picture(given)
        with locked(directory, picture.check):
            state = State(picture.name, directory)
            others = Others(directory, picture.name, given.get("agent"))
            asked = Asked([picture, *others.pictures.values()])
            Run(picture, state, others.claims, asked, result).converge()
            if given.get("digest") and not picture.check:
                state.data["last"] = remembered(given, picture)
                state.save()
            if not any(result.get(act) for act in ACTS):
                result["at_rest"] = others.at_rest(dict.fromkeys(picture.entries, picture.name), asked, finds_nothing)
    except Problem as problem:
        result.update(failed=True, msg=str(problem))
    except OSError as error:
        result.update(failed=True, msg=f"{error.filename or 'the machine'}: {error.strerror}")
    result["changed"] = any(result.get(act) for act in ACTS)
    return result


def finds_nothing(picture: Picture, state: State, claims: dict[str, str], asked: Asked) -> bool:
    """Tell whether a run of this picture, a check, would find nothing to do, not even for systemd to read again."""
    result: dict[str, Any] = {"paths": [], "packages": [], "commands": [], "units": {}}
    run = Run(picture, state, claims, asked, result)
    run.converge()
    return not any(result.get(act) for act in ACTS) and not run.stale


class Run:
    """One run of one tree: each step compares first and does nothing where nothing differs."""

    def __init__(self, picture: Picture, state: State, claims: dict[str, str], asked: Asked, result: dict[str, Any]) -> None:
        """claims: path → tree, what other trees own. result: filled."""
        self.picture, self.state, self.claims, self.asked, self.result = picture, state, claims, asked, result
        self.names = [unit.name for unit in picture.units]
        self.transaction = Transaction(picture, self.state, result)
        self.stale = False

    def converge(self) -> None:
        """Do everything, in the order that library/tree.py promises."""
        picture, state, transaction = self.picture, self.state, self.transaction
        refuse_shared(picture.name, picture.entries, self.claims)
        transaction.look()
        installed = self.packages()
        shown = {name: self.asked.units[name] for name in self.names}
        self.accounts()
        transaction.apply(list(picture.entries.values()))
        dropped = [path for path in state.data["files"] if path not in picture.entries and path not in self.claims]
        definitions = [path for path in dropped if units.defined_by(path)]
        transaction.remove([path for path in dropped if path not in definitions])
        self.directories()
        transaction.verify(picture.verify)
        self.retire(definitions)
        if not picture.check:
            transaction.settle()
            state.data["packages"] = picture.packages
            if transaction.changed or transaction.removed or installed:
                state.save()
        digests = Digests(picture.entries, self.claims, transaction.removed)
        commands.follow(picture, digests, state, self.result)
        self.stale = any(block.get("NeedDaemonReload") == "yes" for block in shown.values())
        if not picture.check and (installed or self.stale or transaction.changed_below(units.UNIT_FILES)):
            units.reload_daemon()
            shown = units.states(self.names, units.ask(self.names))
        digests.forget()
        self.units(digests, shown)
        if not picture.check:
            state.save()

    def packages(self) -> list[str]:
        """Install what is missing; return it."""
        picture, entries = self.picture, self.picture.entries.values()
        missing, interrupted = packages.missing(picture.packages, self.asked.packages)
        if missing:
            self.result["packages"] = missing
            self.transaction.apply([entry for entry in entries if any(covers(prefix, entry.path) for prefix in BEFORE_PACKAGES)])
            if not picture.check:
                packages.install(missing, picture.debconf, interrupted)
                self.transaction.look()
        elif picture.packages and not picture.check:
            packages.release_leftover()
        return missing

    def accounts(self) -> None:
        """Make the accounts that sysusers.d files ask for."""
        entries = [entry for path, entry in self.picture.entries.items() if path.startswith(accounts.SYSUSERS)]
        self.transaction.apply(entries)
        lacking = accounts.missing_accounts(entries)
        if lacking:
            self.result["accounts"] = sorted(name for names in lacking.values() for name in names)
        due = set(lacking) | {path for path in self.transaction.changed if path.startswith(accounts.SYSUSERS)}
        if due and not self.picture.check:
            accounts.make_accounts(due)

    def directories(self) -> None:
        """Make and put right the directories that tmpfiles.d files ask for."""
        entries = [entry for path, entry in self.picture.entries.items() if path.startswith(accounts.TMPFILES)]
        wrong = accounts.wrong_directories(entries)
        self.result["paths"] += [path for paths in wrong.values() for path in paths if path not in self.result["paths"]]
        due = set(wrong) | {path for path in self.transaction.changed if path.startswith(accounts.TMPFILES)}
        if due and not self.picture.check:
            accounts.make_directories(due)
            for source, paths in accounts.wrong_directories(entries).items():
                raise Problem(f"systemd-tmpfiles was content, but {', '.join(paths)} is not as {source} says: do two files disagree?")

    def retire(self, definitions: list[str]) -> None:
        """Remove definitions of units that are no longer shipped, and the units with them."""
        if definitions:
            names = [name for name in map(units.defined_by, definitions) if name]
            self.result["units"].update({name: ["disable --now"] for name in names})
            if not self.picture.check:
                units.retire(names, self.state.data["units"])
            self.transaction.remove(definitions)

    def units(self, digests: Digests, shown: dict[str, dict[str, str]]) -> None:
        """Bring the units into their states, in the given order; what was done is remembered after each one."""
        remembered = self.state.data["units"]
        started = []
        for unit in self.picture.units:
            now = units.works_with(unit, digests)
            verbs = units.plan(unit, shown[unit.name], now, remembered.get(unit.name), self.picture.check)
            if verbs:
                self.result["units"][unit.name] = verbs
            if self.picture.check:
                continue
            if verbs:
                remembered.pop(unit.name, None)
                try:
                    units.act(unit, verbs)
                except Problem:
                    self.state.save()
                    raise
            remembered[unit.name] = now
            if verbs:
                self.state.save()
            if {"start", "restart", "reload-or-restart"} & set(verbs):
                started.append(unit.name)
        dead = units.dead_after_all(started)
        if dead:
            for name in dead:
                remembered.pop(name)
            self.state.save()
            raise Problem("\n".join(f"{name} was started and died:\n{units.evidence(name)}" for name in dead))
        if not self.picture.check:
            self.state.data["units"] = {name: now for name, now in remembered.items() if name in self.names}
