"""Make, start or remove the lab's machines; what the front door knows about them is in ``frontdoor``."""

import sys
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from frontdoor import image, inventory, machines, virtual_image
from frontdoor.errors import Refused

VALUES = (
    *("address", "public_address", "address6", "public_address6", "cluster_domains", "base_apt_sources"),
    *("storage_hardware_address", "lab_virtual"),
)


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible publishes no types
    """The action behind ``playbooks/lab/library/lab_machines.py``."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Bring the named machines to the wanted state."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            {
                "names": {"type": "list", "elements": "str", "required": True},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            }
        )
        if self._task.check_mode:
            return {**result, "changed": False, "skipped": True, "msg": "Containers are not made in check mode."}
        try:
            outcome = self._present(arguments["names"], task_vars or {}) if arguments["state"] == "present" else None
            if outcome is None:
                outcome = machines.absent(arguments["names"])
        except Refused as refused:
            raise AnsibleActionFail(str(refused)) from refused
        return {
            **result,
            "changed": outcome.changed,
            "created": outcome.created,
            "started": outcome.started,
            "removed": outcome.removed,
        }

    def _present(self, names: list[str], task_vars: dict[str, Any]) -> machines.Outcome:
        hostvars, groups = task_vars["hostvars"], task_vars["groups"]
        everyone: dict[str, dict[str, Any]] = {}
        for name in groups["all"]:
            values = hostvars[name]
            everyone[name] = {key: values[key] for key in VALUES if key in values}
        wanted = [inventory.from_values(name, everyone[name], groups, everyone) for name in everyone if "address" in everyone[name]]
        report = Display().display
        mirror = str(hostvars[names[0]].get("lab_mirror", ""))
        machines.prepare(report)
        image.ensure(mirror, report)
        chosen = [one for one in wanted if one.name in names]
        if any(one.virtual for one in chosen):
            virtual_image.ensure(mirror, report)
        return machines.present(chosen, wanted, report, mirror)
