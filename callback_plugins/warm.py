"""Load once, before the first task, what every task's process would otherwise load for itself."""

from __future__ import annotations

import contextlib
import gc
import importlib
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

DOCUMENTATION = """
name: warm
type: aggregate
short_description: Load filters and variables before the first task, and spare tasks that only validate arguments
description:
  - Ansible starts a process for every task on every machine. Each inherits what the first process has loaded, and loads by itself
    what it has not, for one task, and forgets it. This callback makes the first process load all filters and tests, and the variable
    files of all machines, of which wiring reads every machine's address.
  - It also makes roles that begin with a tree task leave the validation of their arguments to that task, which spares a process for
    each. Without this callback Ansible's own task does it.
  - It prints nothing and changes no result.
"""

UNSURE = ("when", "loop", "run_once", "ignore_errors")


class CallbackModule(CallbackBase):
    """Acts when the first play begins."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "warm"
    CALLBACK_NEEDS_ENABLED = False

    _warm = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Load; what is broken is left for the task that needs it, which can say for what."""
        for role in play.get_roles():
            spare_validation(role)
        if self._warm or not (play.roles or play.tasks):
            return
        self._warm = True
        with contextlib.suppress(ImportError):
            importlib.import_module("cryptography.x509")  # whether a certificate is due is asked for each machine
        list(filter_loader.all())
        list(test_loader.all())
        manager = play.get_variable_manager()
        with contextlib.suppress(AnsibleError):
            for host in manager._inventory.get_hosts():
                manager.get_vars(play=play, host=host, include_hostvars=False)
        gc.freeze()  # what is here stays: no task's process need look for garbage in it (gc, in Python's library reference)


def spare_validation(role: Any) -> None:
    """Let trees know what Ansible has put before a role's first task; take it away where that one is a tree, which then does it."""
    tasks: list[Any] = next((block.block for block in role.get_task_blocks()), [])
    actions = [str(getattr(task, "action", "")) for task in tasks[:2]]
    if actions[:1] == ["ansible.builtin.validate_argument_spec"]:
        role.posthouse_validation = tasks[0]
        role.posthouse_spared = actions[1:] == ["tree"] and not any(getattr(tasks[1], word) for word in UNSURE)
        if role.posthouse_spared:
            del tasks[0]
