"""Commands that follow files: checks after writing, and makers of what services read."""

from __future__ import annotations

import os

from .digests import Digests, differing
from .packages import last_lines
from .picture import Picture, Problem
from .state import State
from .system import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def follow(picture: Picture, digests: Digests, state: State, result: dict[str, Any]) -> None:
    """Run each command whose files differ from those it last succeeded with; remember each success at once."""
    remembered = state.data["commands"]
    for command in picture.commands:
        now = {"run": " ".join(command.run), **digests.below(command.on)}
        missing = command.creates is not None and not os.path.lexists(command.creates)
        if not missing and not differing(remembered.get(command.name, {}), now):
            continue
        result["commands"].append(command.name)
        if picture.check:
            continue
        remembered.pop(command.name, None)
        code, output = run(command.run)
        if code:
            state.save()
            raise Problem(f"command {command.name} ({' '.join(command.run)}) failed with exit code {code}:\n{last_lines(output, 25)}")
        remembered[command.name] = now
        state.save()
    wanted = {command.name for command in picture.commands}
    state.data["commands"] = {name: now for name, now in remembered.items() if name in wanted}
