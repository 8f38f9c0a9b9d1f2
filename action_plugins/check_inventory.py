"""Judge the inventory on the control node, before the first machine is asked anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

# Ansible gives an action no way to import its neighbours; at the end of the path nothing of anybody's is hidden.
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from module_utils.site_check import rules  # noqa: E402, because the path must be known first


class ActionModule(ActionBase):
    """The action behind the `check_inventory` task; library/check_inventory.py documents it."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with every fault of the inventory at once."""
        super().run(tmp, task_vars)
        if self._task.args:
            raise AnsibleActionFail("check_inventory takes no options")
        variables = task_vars or {}
        secrets = variables.get("cluster_secrets")
        faults = rules.faults(variables.get("ansible_inventory_sources") or [], ROOT, secrets if isinstance(secrets, dict) else None)
        if faults:
            count = f"{len(faults)} faults" if len(faults) > 1 else "a fault"
            return {"failed": True, "msg": "\n".join([f"The inventory has {count}; nothing was changed.", *map(str, faults)])}
        return {"changed": False}
