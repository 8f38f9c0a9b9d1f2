"""What playbooks/restore-*.yml ask backup machines, and which of them answers best."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def restore_arguments(options: Mapping[str, Any]) -> list[str]:
    """Return options as a command takes them: what is empty or false is left out, what is true has no value."""
    return [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items() if value not in ("", None, False)]


def restore_choice(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Choose a backup machine by what each said to `backup restore … --check --json`.

    answers: what was registered, by machine. A machine with a letter that cannot be read can still bring back all others.
    Returns host, "" when none can, and why, what each that cannot said.
    """
    able: dict[str, tuple[bool, float, int]] = {}
    why = []
    for host, answer in answers.items():
        try:
            told = json.loads(answer.get("stdout") or "")
        except ValueError:
            told = {"error": answer.get("stderr") or answer.get("msg") or "it does not answer"}
        if "error" in told:
            why.append(f"{host}: {told['error']}")
        else:
            able[host] = (not told["faults"], float(told["mirrored"]), int(told["letters"]))
    return {"host": max(able, key=lambda host: (able[host], host), default=""), "why": "\n".join(why)}


class FilterModule:
    """Offer the filters to Ansible."""

    def filters(self) -> dict[str, Any]:
        """Return them by name."""
        return {"restore_arguments": restore_arguments, "restore_choice": restore_choice}
