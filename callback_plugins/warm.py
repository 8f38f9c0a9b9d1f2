"""Load once, before the first task, what every task's process would otherwise load for itself."""

from __future__ import annotations

import contextlib
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

DOCUMENTATION = """
name: warm
type: aggregate
short_description: Load filters and variables before the first task
description:
  - Ansible starts a process for every task on every machine. Each inherits what the first process has loaded, and loads by itself
    what it has not, for one task, and forgets it. This callback makes the first process load all filters and tests, and the variable
    files of all machines, of which wiring reads every machine's address.
  - It prints nothing and changes no result. On an exchanger's second run it saves a fifth of the control node's work.
"""


class CallbackModule(CallbackBase):
    """Acts when the first play begins."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "warm"
    CALLBACK_NEEDS_ENABLED = False

    _warm = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Load; what is broken is left for the task that needs it, which can say for what."""
        if self._warm:
            return
        self._warm = True
        list(filter_loader.all())
        list(test_loader.all())
        manager = play.get_variable_manager()
        with contextlib.suppress(AnsibleError):
            for host in manager._inventory.get_hosts():
                manager.get_vars(play=play, host=host, include_hostvars=False)
