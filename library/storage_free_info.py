#!/usr/bin/python
"""Ansible module: a machine holds nothing of volume groups that are another one's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_free_info
short_description: Make sure that a machine holds nothing of volume groups that another one runs or is to run
description:
  - Fails when the machine has one of the groups active, or writes to one of the devices under way. A machine that was cut off from its
    disks in the middle of writing would go on writing as soon as it is let in again, over what another one wrote since; only a reboot makes
    it forget.
  - Looks at /sys alone, which answers when disks do not.
attributes:
  check_mode:
    description: It only ever reads.
    support: full
options:
  groups:
    description: Volume groups.
    type: list
    elements: str
    required: true
  aoe:
    description: Shelf and slot of the AoE devices on which the groups lie.
    type: list
    elements: str
    default: []
  interface:
    description: Where AoE is spoken. It then has to be there and to have a carrier, and LVM to be installed.
    type: str
    default: ""
  volumes:
    description: Volumes that are to be mounted, each with C(path) and C(covers) (role storage). Where nothing is mounted yet, files below
      these paths would be hidden by them, and role storage refuses that; here it is said before anything is changed.
    type: list
    elements: dict
    default: []
author:
  - Posthouse
"""

EXAMPLES = r"""
- name: Nothing is left from before
  storage_free_info: {groups: [mail], aoe: ["1.0"], interface: aoe0}
"""

RETURN = r"""
problems:
  description: What it holds, and what it lacks.
  returned: failure
  type: list
  elements: str
held:
  description: What it holds.
  returned: failure
  type: list
  elements: str
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

OPTIONS = {
    "groups": {"type": "list", "elements": "str", "required": True},
    "aoe": {"type": "list", "elements": "str", "default": []},
    "interface": {"type": "str", "default": ""},
    "volumes": {"type": "list", "elements": "dict", "default": []},
}


def held(groups: Iterable[str], aoe: Iterable[str], sys: Path = Path("/sys")) -> list[str]:
    """Say what this kernel still has of groups and devices, by /sys alone, which answers when disks do not."""
    active = sorted(_text(one / "dm" / "name") for one in sys.glob("block/dm-*"))
    # A hyphen in a name is doubled, and a single one stands between group and volume (dmsetup splitname).
    prefixes = {group: group.replace("-", "--") + "-" for group in groups}
    found = [
        f"volume {name} of group {group} is active"
        for name in active
        for group, prefix in prefixes.items()
        if name.startswith(prefix) and name[len(prefix) : len(prefix) + 1] != "-"
    ]
    for address in aoe:
        # Reads and writes; who only wanted to read overwrites nothing, and tools look at every disk they see.
        writes = _text(sys / "block" / f"etherd!e{address}" / "inflight").split()[1:2]
        if writes and writes != ["0"]:
            found.append(f"{writes[0]} writes to LUN {address} wait for an answer")
    return found


def told(holding: Iterable[str]) -> list[str]:
    """Say what to do about what a machine holds. A machine that serves is not to be rebooted because an inventory is old."""
    lines = [f"{one}; reboot this machine, nothing else makes it forget" for one in holding]
    if lines:
        lines.append("But where it is the one that runs them, and this inventory does not know: say so by -e by= (docs/failover.md)")
    return lines


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def cable(interface: str, sys: Path = Path("/sys")) -> list[str]:
    """Say what is wrong with an interface; nothing when it is there and up."""
    if not interface:
        return []
    here = sys / "class" / "net" / interface
    if not here.exists():
        return [f"there is no interface {interface}: this machine is not prepared, playbooks/site.yml does it"]
    return [] if _text(here / "carrier") == "1" else [f"{interface} has no carrier: is its cable in?"]


def in_the_way(
    volumes: Iterable[Mapping[str, Any]],
    hidden: Callable[[Path, Iterable[str]], list[str]],
    mounted: Callable[[str], bool] = os.path.ismount,
) -> Iterator[str]:
    """Say which files a mount would hide. hidden: finds them below a path, but for the names that may be covered."""
    for volume in volumes:
        path = str(volume["path"])
        if not mounted(path) and (files := hidden(Path(path), volume.get("covers") or [])):
            some = ", ".join(files[:3])
            yield f"{path} has files of its own ({some}), which volume {volume.get('name')} would hide: move them away"


def main() -> None:
    """Look."""
    # Here, for units read this file without Ansible's way of finding module_utils.
    from ansible.module_utils.lvm.observe import hidden  # noqa: PLC0415, as above

    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    holding = held(given["groups"], given["aoe"])
    problems = told(holding) + cable(given["interface"]) + list(in_the_way(given["volumes"], hidden))
    if given["interface"] and not module.get_bin_path("vgchange"):
        problems.append("LVM is not installed: this machine is not prepared, playbooks/site.yml does it")
    if problems:
        module.fail_json(msg="\n".join(problems), problems=problems, held=holding)
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
