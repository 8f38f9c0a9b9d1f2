#!/usr/bin/python
"""Ansible module: devices, volume groups, logical volumes, XFS and mounts, looked at as a whole and then made as promised."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: storage_volumes
short_description: Make devices, volume groups, logical volumes, file systems and mounts what they are promised to be
version_added: "1.0.0"
description:
  - Looks at everything first. When anything speaks against it, all reasons are told and nothing is changed.
  - A device that carries anything at all, a signature or a single byte in its first mebibyte, is used for nothing new unless O(devices)
    C(erase) names it and what it carries. Groups, volumes and file systems grow, online; nothing is ever made smaller or removed.
  - Each step leaves behind what tells the next run how far it came, so an interrupted run is completed by the next one.
  - The units that activate and mount are those of role storage.
options:
  system_id:
    description: Name by which LVM knows this machine; groups of another name are not touched.
    type: str
    required: true
  takes_over:
    description: System ids of other machines whose groups become this machine's.
    type: list
    elements: str
    default: []
  interface:
    description: Where AoE is spoken; empty where it is not.
    type: str
    default: ""
  mtu:
    description: Size of packet that is tried with every AoE device.
    type: int
    default: 0
  vlan:
    description: Tag that O(interface) puts on its frames; V(0) for none.
    type: int
    default: 0
  devices:
    description: Disks, each with C(name), C(aoe) or C(path), and C(erase) (role storage).
    type: list
    elements: dict
    required: true
  groups:
    description: Volume groups, each with C(name) and C(devices).
    type: list
    elements: dict
    required: true
  volumes:
    description: Volumes, each with C(name), C(group), C(size), C(path), C(format), C(mount) and C(covers).
    type: list
    elements: dict
    required: true
  units:
    description: Units that write to the volumes; none may run when a mount would hide what they wrote.
    type: list
    elements: str
    default: []
  active:
    description: Whether this machine runs the volumes. When not, no disk is touched, and mount points that it had once are directories
      like any others.
    type: bool
    default: true
  wait:
    description: Seconds to wait for devices.
    type: int
    default: 20
attributes:
  check_mode:
    description: Says which steps it would take. On a machine without LVM, all of them.
    support: full
  diff_mode:
    description: The steps are the difference.
    support: none
author: [Posthouse developers (@posthouse)]
"""

EXAMPLES = r"""
- name: Homes on a LUN
  storage_volumes:
    system_id: store1
    interface: aoe0
    mtu: 9000
    vlan: 100
    devices: [{name: shelf1, aoe: "1.0"}]
    groups: [{name: mail, devices: [shelf1]}]
    volumes: [{name: home, group: mail, size: 90%, path: /mnt/home}]
"""

RETURN = r"""
steps:
  description: What was done, or would be, in order.
  returned: always
  type: list
  elements: str
  sample: [group mail on shelf1 (/dev/etherd/e1.0)]
problems:
  description: Why nothing was done.
  returned: failure
  type: list
  elements: str
"""

import shutil
from typing import Any

from ansible.module_utils.aoe import kernel
from ansible.module_utils.aoe.frames import Slot
from ansible.module_utils.aoe.ready import Ready, make_ready
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.lvm import act, observe, plan, wanted
from ansible.module_utils.lvm.machine import CommandError

OPTIONS = {
    "system_id": {"type": "str", "required": True},
    "takes_over": {"type": "list", "elements": "str", "default": []},
    "interface": {"type": "str", "default": ""},
    "mtu": {"type": "int", "default": 0},
    "vlan": {"type": "int", "default": 0},
    "devices": {"type": "list", "elements": "dict", "required": True},
    "groups": {"type": "list", "elements": "dict", "required": True},
    "volumes": {"type": "list", "elements": "dict", "required": True},
    "units": {"type": "list", "elements": "str", "default": []},
    "active": {"type": "bool", "default": True},
    "wait": {"type": "int", "default": 20},
}
#: Looking, activating what is there, making groups, then what is in them, and looking at what was made.
_ROUNDS = 6


def main() -> None:
    """Look, decide, act."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    if not module.params["active"]:
        try:
            points = act.release(check=module.check_mode)
        except (CommandError, OSError) as fault:
            refuse(module, [str(fault)], [])
        module.exit_json(changed=bool(points), steps=[f"{path}: no mount point any more" for path in points])
    try:
        promised = wanted.read(module.params)
        slots = {device.name: Slot.of(device.aoe) for device in promised.devices.values() if device.aoe}
    except ValueError as fault:
        refuse(module, str(fault).splitlines(), [])
    if not shutil.which("lvm") or (slots and not kernel.loaded() and module.check_mode):
        if not module.check_mode:
            refuse(module, ["there is no LVM on this machine: role storage installs the package lvm2"], [])
        module.exit_json(changed=True, steps=["the disks are looked at when this machine has its tools and drivers"])
    try:
        converge(module, promised, slots)
    except (CommandError, OSError) as fault:
        refuse(module, [str(fault)], [])


def converge(module: AnsibleModule, promised: wanted.Wanted, slots: dict[str, Slot]) -> None:
    """Bring the devices, then look and act until there is nothing left to do."""
    ready = devices(module, slots)
    if ready.problems:
        refuse(module, ready.problems, [])
    done = [f"device {slot}: known to the kernel" for slot in ready.new] + [f"device {slot}: of a new size" for slot in ready.resized]
    if module.check_mode and done:
        module.exit_json(changed=True, steps=[*done, "what is on the disks is looked at when the kernel knows them"])
    identities = {name: f"{ready.identities[slot].model} {ready.identities[slot].serial}" for name, slot in slots.items()}
    for _ in range(_ROUNDS):
        seen = observe.observe(promised, identities, module.params["units"])
        decided = plan.decide(promised, seen)
        if decided.problems:
            refuse(module, decided.problems, done)
        for step in decided.steps if module.check_mode else decided.first():
            if not module.check_mode:
                try:
                    act.do(step)
                except (CommandError, OSError) as fault:
                    refuse(module, [f"{step.says}: {fault}"], done)
            done.append(step.says)
        if module.check_mode:
            break
        if not decided.steps:
            observe.remember(promised, seen)
            break
    else:
        refuse(module, [f"after {_ROUNDS} looks it is still not as promised: {'; '.join(step.says for step in decided.steps)}"], done)
    module.exit_json(changed=bool(done), steps=done)


def devices(module: AnsibleModule, slots: dict[str, Slot]) -> Ready:
    """Let the kernel know the AoE devices, or say why not."""
    given: dict[str, Any] = module.params
    if not slots:
        return Ready()
    if not given["interface"]:
        return Ready(problems=["there are AoE devices, and no card to reach them: say storage_hardware_address of this machine"])
    if not kernel.loaded():
        module.run_command(["modprobe", "aoe"], check_rc=True)
    return make_ready(given["interface"], given["mtu"], given["vlan"], list(slots.values()), given["wait"], check=module.check_mode)


def refuse(module: AnsibleModule, problems: list[str], done: list[str]) -> None:
    """Fail with every reason, and with what had been done by then."""
    module.fail_json(msg="\n".join(problems), problems=problems, steps=done)


if __name__ == "__main__":
    main()
