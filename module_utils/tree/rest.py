"""The other trees of a machine: what they own, and which of them have nothing to do.

A tree that changed nothing has the time to look at the others: each one's last picture is compared with the machine as in
a check. A task whose picture is that very one, and follows at once, then needs no look of its own (docs/decisions/0011-at-rest.md).
"""

from __future__ import annotations

import os

from . import packages
from .accounts import SYSUSERS, TMPFILES
from .picture import Picture, Problem
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .asked import Asked

OPTIONS = ("packages", "debconf", "verify", "commands", "units")


def remembered(given: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    """Return a picture as the state file keeps it: contents as digests, because they are compared and never written again.

    Files whose lines name accounts and directories are kept whole, since those are compared too.
    """
    kept = {}
    for path, entry in picture.entries.items():
        whole = entry.link is not None or path.startswith((SYSUSERS, TMPFILES))
        kept[path] = {key: value for key, value in given["files"][path].items() if whole or key not in ("content", "base64")}
        if not whole:
            kept[path]["digest"] = entry.digest
    asked = {"files": kept} | {option: given[option] for option in OPTIONS if given.get(option)}
    return {"agent": given.get("agent"), "digest": given["digest"], "picture": asked}


class Others:
    """All trees of a machine but one. claims: path → tree, what they own. pictures: how the last run of each left the machine."""

    def __init__(self, directory: str, name: str, agent: str | None) -> None:
        """agent: pictures that another version of this program remembered are nothing to compare with."""
        self._states = [State(other, directory) for other in names_in(directory) if other != name]
        self.claims = {path: state.name for state in self._states for path in state.data["files"]}
        self.pictures: dict[str, Picture] = {}
        for state in self._states:
            last = state.data["last"]
            if agent and last.get("agent") == agent and not state.data["unverified"]:
                self.pictures[state.name] = Picture({**last["picture"], "name": state.name, "check": True})

    def at_rest(self, mine: Mapping[str, str], asked: Asked, finds_nothing: Callable[..., bool]) -> dict[str, str]:
        """Return tree → digest of its picture, for every tree of which the machine is what its last run made of it.

        mine: path → tree, what the tree of this run owns. finds_nothing: tells it of one picture.
        """
        found: dict[str, str] = {}
        if packages.is_held():
            return found
        owners = {**self.claims, **mine}
        for state in self._states:
            if state.name in self.pictures:
                claims = {path: name for path, name in owners.items() if name != state.name}
                try:
                    if finds_nothing(self.pictures[state.name], state, claims, asked):
                        found[state.name] = state.data["last"]["digest"]
                except (Problem, OSError):
                    continue  # its own task will say so
        return found


def names_in(directory: str) -> list[str]:
    """Return the trees that a machine remembers."""
    try:
        return sorted(name.removesuffix(".json") for name in os.listdir(directory) if name.endswith(".json"))
    except FileNotFoundError:
        return []
