"""Bring back one letter, a folder, a person or a whole mailstore."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from posthouse.text import visible

from . import bring_back, find, people, restore_store
from .find import FAULT, FINE, USAGE, UnknownError, complain
from .settings import Settings
from .staging import Wish, mirrored, said

_EXITS = "Exit codes: 0 done, or nothing was missing; 1 not done, or not all of it; 2 wrong use or configuration."
_MOST_SHOWN = 20


def add(subparsers: Any) -> None:
    """Make the subcommands."""
    parser = subparsers.add_parser("restore", help="bring mail back to a mailstore", description=__doc__, epilog=_EXITS)
    kinds = parser.add_subparsers(dest="what", required=True)
    message = kinds.add_parser("message", help="letters that are found like `backup find` finds them", epilog=_EXITS)
    find.options(message)
    message.add_argument("--all", action="store_true", help="all letters that fit; without it, more than one is a question, not an answer")
    message.set_defaults(run=_caught(_message))
    folder = kinds.add_parser("folder", help="what a folder had at the last mirror, and what came since", epilog=_EXITS)
    folder.add_argument("--person", required=True, metavar="UID", help="whose")
    folder.add_argument("--folder", required=True, metavar="NAME", help="its name, with / between levels")
    folder.set_defaults(run=_caught(_folder))
    person = kinds.add_parser("person", help="all that somebody had at the last mirror, and what came since", epilog=_EXITS)
    person.add_argument("--person", required=True, metavar="UID", help="who")
    person.set_defaults(run=_caught(_person))
    for one in (message, folder):
        one.add_argument("--into", default="", metavar="NAME", help="the folder where it shall go (default: where it was)")
    for one in (folder, person):
        one.add_argument("--removed", action="store_true", help="also what was removed before the last mirror, as long as it is kept")
        one.add_argument("--removed-since", type=find.moment, default=0.0, metavar="TIME", help="of that, only what was removed since then")
    for one in (message, folder, person):
        one.add_argument("--to", default="", metavar="MAILSTORE", help="full name (default: the person's mailHost)")
        one.add_argument("--check", action="store_true", help="say what would come back, and change nothing")
        one.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    restore_store.add(kinds, _EXITS)


def _caught(do: Callable[[Settings, argparse.Namespace], int]) -> Callable[[Settings, argparse.Namespace], int]:
    def run(settings: Settings, given: argparse.Namespace) -> int:
        try:
            find.known(settings, given.person)
            return do(settings, given)
        except UnknownError as fault:
            return complain(given, str(fault), FAULT)
        except OSError as fault:
            return complain(given, f"{visible(given.person)}: {fault}", FAULT)

    return run


def _message(settings: Settings, given: argparse.Namespace) -> int:
    query = find.query_of(given)
    if query == find.Query(folder=query.folder):
        return complain(given, "say which letter: --from, --subject, --message-id, --token, --guid, --since or --before", USAGE)
    found = find.search(settings, given.person, query)
    if not found:
        return complain(given, f"nothing that is kept of {given.person} fits; `backup find --person {given.person}` shows all", FAULT)
    if len(found) > 1 and not given.all:
        shown = "\n".join(one.line for one in found[:_MOST_SHOWN])
        return complain(given, f"{len(found)} letters fit; say more, name one by --guid, or take --all of them:\n{shown}", FAULT)
    return _bring(settings, given, Wish(guids=frozenset(one.guid for one in found), removed=True, into=given.into))


def _folder(settings: Settings, given: argparse.Namespace) -> int:
    removed = given.removed or given.removed_since > 0
    return _bring(settings, given, Wish(folders=frozenset([given.folder]), into=given.into, removed=removed, since=given.removed_since))


def _person(settings: Settings, given: argparse.Namespace) -> int:
    return _bring(settings, given, Wish(removed=given.removed or given.removed_since > 0, since=given.removed_since))


def _bring(settings: Settings, given: argparse.Namespace, wish: Wish) -> int:
    store = target(settings, given.person, given.to)
    if wish.folders and not wish.folders & (there := find.folders(settings, given.person)):
        names = ", ".join(visible(one) for one in sorted(there))
        return complain(given, f"nothing that is kept of {given.person} is or was in {visible(given.folder)}; there are {names}", FAULT)
    done = bring_back.restore(settings, given.person, store, wish, check=given.check)
    if given.json:
        print(json.dumps({**done.told(), "check": given.check, "mirrored": mirrored(settings, given.person)}))
    else:
        print("\n".join(_lines(settings, done, given.check)))
    return FAULT if done.faults else FINE


def target(settings: Settings, person: str, to: str) -> str:
    """Return the mailstore where somebody's mail goes. Raises UnknownError."""
    if to:
        if to not in settings.stores:
            raise UnknownError(f"{visible(to)} is no mailstore of this site; there are {', '.join(settings.stores)}")
        return to
    if not (found := people.some(settings, [person])):
        raise UnknownError(f"the directory has no {visible(person)}: put them back first, or the mail belongs to nobody")
    if found[0].refused:
        raise UnknownError(f"{visible(person)}: {found[0].refused}; mend it, or say --to")
    return found[0].store


def _lines(settings: Settings, done: bring_back.Done, check: bool) -> list[str]:
    what = "would come back" if check else "came back"
    lines = [f"{done.person} on {done.to}: {done.letters} letters, {done.size / 1e6:.1f} MB {what}; {done.present} are there already"]
    lines += [f"  {count:7}  {visible(name)}" for name, count in sorted(done.folders.items()) if count]
    if done.whole:
        lines.append("  the store has lost the mailbox: it comes back as the mirror has it, new mail stays")
    lines.append(f"  last mirror: {said(mirrored(settings, done.person))}; took {done.seconds:.1f} s")
    return lines + [f"  not restored: {visible(one)}" for one in done.faults]
