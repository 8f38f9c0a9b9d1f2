"""Keep what one tree task has seen of a machine for the tree tasks that follow on it, as long as nothing happens there."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader

DOCUMENTATION = """
name: at_rest
type: aggregate
short_description: Let one look at a machine serve all tree tasks that find nothing to do
description:
  - A tree task that changed nothing answers with all trees of its machine that have nothing to do. This callback hands the answer to
    the processes of the tasks that follow. It forgets it as soon as anything may have changed that machine, for whatever a task is
    that is not named here as one that looks only.
  - It prints nothing and changes no result. Without it, every tree task looks for itself.
"""

LOOKS_ONLY = {
    "tree",
    "storage_volumes",  # what it changed it says, and then this is forgotten
    "check_inventory",
    "validate_argument_spec",
    "include_tasks",
    "include_role",
    "include_vars",
    "debug",
    "assert",
    "set_fact",
}


class CallbackModule(CallbackBase):
    """Runs in the process that starts the tasks' processes, in the order in which tasks start and end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "at_rest"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[str, tuple[float, dict[str, str]]] = action_loader.get("tree", class_only=True).at_rest

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Forget when something begins that may change the machine."""
        if name_of(task) not in LOOKS_ONLY:
            self._forget(host, task)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Remember or forget."""
        if name_of(result.task) not in LOOKS_ONLY or result.result.get("changed"):
            self._forget(result.host, result.task)
        elif "at_rest" in result.result and not result.task.delegate_to:
            self._seen[result.host.get_name()] = (time.monotonic(), result.result["at_rest"])

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002, because Ansible names it
        """Forget: it may have done half."""
        self._forget(result.host, result.task)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Forget: who knows in which state it comes back."""
        self._forget(result.host, result.task)

    def _forget(self, host: Any, task: Any) -> None:
        if task.delegate_to:
            self._seen.clear()  # its name may still be an expression
        else:
            self._seen.pop(host.get_name(), None)


def name_of(task: Any) -> str:
    """Return the name of what a task does, without its collection."""
    return str(task.action).rpartition(".")[2]
