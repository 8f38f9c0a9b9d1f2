"""What modules do in that world."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

from tests.architecture.pretending import world as worlds

REAL = Path(__file__).resolve().parents[3] / "action_plugins" / "tree.py"
SPEC = importlib.util.spec_from_file_location("real_tree", REAL)
assert SPEC is not None
assert SPEC.loader is not None
real = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(real)


def address(action: Any) -> str:
    """Return where the task's machine is reached."""
    return str(action._templar.template(trust_as_template("{{ ansible_host }}")))


class Tree(real.ActionModule, ActionBase):  # type: ignore[misc,name-defined]  # the real one is known only at run time
    """Renders what a shelf is to be, and takes the cards from it; what others are to be is rendered by other tests."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do as the real one, or nothing."""
        role = self._task._role.get_name()
        if role == "shelf":
            done: dict[str, Any] = super().run(tmp, task_vars)
            return done
        worlds.act(f"tree {self._task.args.get('name', role)}", address(self))
        return {"changed": False}

    def _send(self, picture: dict[str, Any]) -> dict[str, Any]:
        world = worlds.act(f"tree {picture['name']}", address(self))
        unit = next(file["content"] for path, file in picture["files"].items() if "posthouse-vblade@1.0" in path)
        world["cards"] = re.findall(r" -m (\S+)", unit)
        world["verify"] = picture["verify"]
        worlds.keep(world)
        return {"changed": False}


class Exports(ActionBase):  # type: ignore[misc]  # Ansible publishes no types
    """Says whom the shelf lets in."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Answer."""
        super().run(tmp, task_vars)
        world = worlds.act("shelf_exports_info")
        if (task_vars or {})["inventory_hostname"] == world.get("dead_shelf"):
            raise AnsibleConnectionFailure("nobody answers")
        return {"exports": [{"address": "1.0", "cards": world["cards"] + world.get("more_cards", []), "process": 1}]}


class Free(ActionBase):  # type: ignore[misc]  # as above
    """Says whether a machine holds the disks."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Answer, if the machine lives."""
        super().run(tmp, task_vars)
        where = address(self)
        world = worlds.act("storage_free_info", where)
        if where == "10.143.0.24" and world["old"] == "dead":
            raise AnsibleConnectionFailure("nobody answers")
        return {"failed": where in world["active"], "msg": "it holds the disks"}


class Volumes(ActionBase):  # type: ignore[misc]  # as above
    """Activates, and writes down when nobody should have."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do it."""
        super().run(tmp, task_vars)
        where = address(self)
        if self._task.args.get("active") is False:
            return {"changed": False}
        world = worlds.act("storage_volumes", where)
        if world["cards"] != [worlds.CARDS[where]] or world.get("more_cards"):
            world["wrong"].append(f"{where} is active while the shelf lets in {world['cards']}")
        world["active"] = sorted({*world["active"], where})
        worlds.keep(world)
        return {"changed": True, "taken": self._task.args["takes_over"]}


class Queue(ActionBase):  # type: ignore[misc]  # as above
    """Has a queue."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do nothing."""
        super().run(tmp, task_vars)
        worlds.act("queue_accounts", address(self))
        return {"changed": False}
