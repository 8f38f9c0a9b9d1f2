"""The storage_volumes task without disks."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible publishes no types
    """Takes its arguments and does nothing."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Say that nothing changed."""
        super().run(tmp, task_vars)
        return {"changed": False}
