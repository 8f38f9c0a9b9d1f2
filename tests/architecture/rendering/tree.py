"""The tree task without machines: renders as the real one does and keeps the picture instead of sending it."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

REAL = Path(__file__).resolve().parents[3] / "action_plugins" / "tree.py"
SPEC = importlib.util.spec_from_file_location("real_tree", REAL)
assert SPEC is not None
assert SPEC.loader is not None
real = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(real)


class ActionModule(real.ActionModule, ActionBase):  # type: ignore[misc,name-defined]  # the real one is known only at run time
    """Renders, and writes what it would send to POSTHOUSE_RENDERED."""

    _requires_connection = False

    def _send(self, picture: dict[str, Any]) -> dict[str, Any]:
        host = self._task_vars_host()
        Path(os.environ["POSTHOUSE_RENDERED"], f"{host}.{picture['name']}.json").write_text(json.dumps(picture))
        return {"changed": False}

    def _task_vars_host(self) -> str:
        return str(self._templar.available_variables["inventory_hostname"])
