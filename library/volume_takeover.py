#!/usr/bin/python
"""Ansible module: volume groups that a dead machine left behind become this one's, and no machine takes what it still holds from before."""

from __future__ import annotations

DOCUMENTATION = r"""
module: volume_takeover
short_description: Make volume groups of another machine this one's, or make sure that this one holds nothing of them
description:
  - LVM activates a volume group on the machine only whose system id it carries (lvmsystemid(7)). With O(state=owned) groups of the machines
    in O(others) get this machine's. Whoever calls it has made sure that none of these can write any more; the module cannot know.
  - With O(state=free) nothing is changed. The module fails when the machine still has one of the groups active, or requests for one of the
    devices under way. A machine that was cut off from its disks in the middle of writing would go on writing as soon as it is let in again,
    over what another one wrote since; only a reboot makes it forget.
  - Nothing here waits for a disk that does not answer, but for O(state=owned), which reads from it.
attributes:
  check_mode:
    description: Says whether a group would change its owner.
    support: full
options:
  groups:
    description: Volume groups.
    type: list
    elements: str
    required: true
  state:
    description: What is to be so.
    type: str
    choices: [owned, free]
    default: owned
  system_id:
    description: This machine's system id. Needed for O(state=owned).
    type: str
    default: ""
  others:
    description: System ids from which groups are taken. A group of yet another one is left alone, and the module fails.
    type: list
    elements: str
    default: []
  aoe:
    description: Shelf and slot of the AoE devices on which the groups lie.
    type: list
    elements: str
    default: []
  interface:
    description: Where AoE is spoken; empty where it is not. With O(state=free) it has to be there and to have a carrier.
    type: str
    default: ""
author:
  - Posthouse
"""

EXAMPLES = r"""
- name: Nothing is left from before
  volume_takeover: {groups: [mail], aoe: ["1.0"], interface: aoe0, state: free}

- name: The dead machine's group is this one's
  volume_takeover: {groups: [mail], system_id: spare1, others: [store1]}
"""

RETURN = r"""
taken:
  description: Groups that changed their owner, with the one before.
  returned: success
  type: dict
  sample: {mail: store1}
problems:
  description: Why nothing was done.
  returned: failure
  type: list
  elements: str
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

OPTIONS = {
    "groups": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["owned", "free"], "default": "owned"},
    "system_id": {"type": "str", "default": ""},
    "others": {"type": "list", "elements": "str", "default": []},
    "aoe": {"type": "list", "elements": "str", "default": []},
    "interface": {"type": "str", "default": ""},
}
COLUMNS = ["vg_name", "vg_systemid", "vg_missing_pv_count"]


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
        under_way = sum(int(word) for word in _text(sys / "block" / f"etherd!e{address}" / "inflight").split() if word.isdigit())
        if under_way:
            found.append(f"{under_way} requests to LUN {address} wait for an answer")
    return found


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


def owners(said: str) -> dict[str, Mapping[str, str]]:
    """Read what vgs says as JSON: group -> its columns. Raises ValueError for two groups of one name, for nobody knows which is meant."""
    rows = [row for report in json.loads(said)["report"] for row in report["vg"]]
    found: dict[str, Mapping[str, str]] = {}
    for row in rows:
        if row["vg_name"] in found:
            raise ValueError(
                f"there are two groups {row['vg_name']} on the disks of this machine: rename one of them (vgrename by its UUID)"
            )
        found[row["vg_name"]] = row
    return found


def judge(
    groups: Iterable[str], known: Mapping[str, Mapping[str, str]], system_id: str, others: Iterable[str]
) -> tuple[dict[str, str], list[str]]:
    """Return groups to take with their present owner, and what speaks against taking any."""
    take, problems = {}, []
    others = set(others)
    for group in groups:
        row = known.get(group)
        if row is None:
            problems.append(f"there is no group {group} on any disk that this machine sees")
        elif int(row["vg_missing_pv_count"] or 0):
            problems.append(f"group {group} lacks {row['vg_missing_pv_count']} of its devices")
        elif row["vg_systemid"] == system_id:
            continue
        elif row["vg_systemid"] and row["vg_systemid"] not in others:
            problems.append(f"group {group} belongs to {row['vg_systemid']}, which is none of {', '.join(sorted(others))}")
        else:
            take[group] = row["vg_systemid"]
    return take, problems


def main() -> None:
    """Look, decide, act."""
    module = AnsibleModule(argument_spec=OPTIONS, required_if=[("state", "owned", ["system_id"])], supports_check_mode=True)
    given = module.params
    if given["state"] == "free":
        holding = held(given["groups"], given["aoe"])
        problems = cable(given["interface"]) + [f"{one}; reboot this machine, which is the only way to make it forget" for one in holding]
        problems += (
            [] if module.get_bin_path("vgchange") else ["LVM is not installed: this machine is not prepared, playbooks/site.yml does it"]
        )
        if problems:
            module.fail_json(msg="\n".join(problems), problems=problems, held=holding)
        module.exit_json(changed=False, taken={})
    take = _owned(module, given)
    module.exit_json(changed=bool(take), taken=take)


def _owned(module: Any, given: Mapping[str, Any]) -> dict[str, str]:
    command = ["vgs", "--foreign", "--reportformat=json", "--options", ",".join(COLUMNS)]
    code, said, complaint = module.run_command(command)
    if code:
        module.fail_json(msg=f"{' '.join(command)}: {complaint.strip()}")
    try:
        take, problems = judge(given["groups"], owners(said), given["system_id"], given["others"])
    except ValueError as error:
        take, problems = {}, [str(error)]
    if problems:
        module.fail_json(msg="\n".join(problems), problems=problems)
    if not module.check_mode:
        for group, owner in take.items():
            strangers = json.dumps([owner] if owner else [])
            words = ["vgchange", "--yes", "--config", f"local/extra_system_ids={strangers}", "--systemid", given["system_id"], group]
            module.run_command(words, check_rc=True)
    return take


if __name__ == "__main__":
    main()
