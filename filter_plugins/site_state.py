"""Which generation of sealed state is opened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def state_generation(answers: Iterable[Mapping[str, Any]], at: str = "", machine: str = "") -> dict[str, Any]:
    """Return the newest generation that any backup machine keeps.

    answers: results of `backup state list --json`, each with its backup machine as item. at, machine: only one sealed then, or there.
    Returns what its sheet says, and host (the backup machine) and path. Raises ValueError naming what there is, when nothing fits.
    """
    found: list[dict[str, Any]] = []
    for answer in answers:
        try:
            said = json.loads(str(answer.get("stdout", "")))["generations"]
            found += [{**one, "host": str(answer["item"])} for one in said]
        except (ValueError, KeyError, TypeError):
            continue
    fitting = [one for one in found if at in ("", one["at"]) and machine in ("", one["machine"])]
    if not fitting:
        there = ", ".join(sorted({f"{one['at']} of {one['machine']}" for one in found}, reverse=True)[:10])
        raise ValueError(f"no backup machine keeps such a generation; there are: {there or 'none'} (backup state list)")
    return max(fitting, key=lambda one: (one["at"], one["machine"]))


class FilterModule:
    """Filters of this file, by the name that templates use."""

    def filters(self) -> dict[str, Any]:
        """Return the filters."""
        return {"state_generation": state_generation}
