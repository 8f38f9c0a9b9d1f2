"""A directory that plays a machine for the tree task."""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any

from module_utils.tree.agent import converge

USER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


class Machine:
    """A directory that plays the machine: trees write below `root` and remember in `state`."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root, self.state = root, state

    def run(self, wanted: dict[str, Any], tree: str = "demo", **options: Any) -> dict[str, Any]:
        shipped = {}
        for name, what in wanted.items():
            given = {"content": what} if isinstance(what, str) else dict(what)
            shipped[f"{self.root}/{name}"] = {"owner": USER, "group": GROUP, **given}
        return converge({"name": tree, "files": shipped, **options}, str(self.state))

    def remembered(self, tree: str = "demo") -> Any:
        return json.loads((self.state / f"{tree}.json").read_text())

    def read(self, name: str) -> str:
        return (self.root / name).read_text()
