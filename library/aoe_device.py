#!/usr/bin/python
"""Ansible module: AoE devices that are there, reached with packets of full size, and known to the kernel in their present size."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: aoe_device
short_description: Wait for AoE devices, and let the kernel know them
version_added: "1.0.0"
description:
  - Waits until shelves and slots answer on one interface, tries packets of the promised size with each of them, there and back, and lets
    the kernel's driver make block devices of them. A LUN that grew is known in its new size afterwards.
  - Fails with every reason when one of them is not to be used. A shelf of another number, a LUN that is missing or does not let this
    machine in, two devices of one number, an MTU that something on the way does not carry.
  - Nothing is written to a device.
options:
  interface:
    description: The interface on which AoE is spoken.
    type: str
    required: true
  devices:
    description: Shelves and slots, as V(1.0).
    type: list
    elements: str
    required: true
  mtu:
    description: Packets of this size are tried. With V(0) none are.
    type: int
    default: 9000
  vlan:
    description: Tag that the interface puts on its frames; V(0) for none.
    type: int
    default: 0
  wait:
    description: Seconds to wait for interface and devices.
    type: int
    default: 20
attributes:
  check_mode:
    description: Asks the same questions, and tells the kernel nothing.
    support: full
  diff_mode:
    description: There are no contents to show.
    support: none
author: [Posthouse developers (@posthouse)]
"""

EXAMPLES = r"""
- name: Both LUNs are there
  aoe_device:
    interface: aoe0
    vlan: 100
    devices: ["1.0", "1.1"]
"""

RETURN = r"""
devices:
  description: One for each that was asked for.
  returned: success
  type: list
  elements: dict
  contains:
    device: {description: Shelf and slot., type: str, sample: "1.0"}
    path: {description: The block device., type: str, sample: /dev/etherd/e1.0}
    model: {description: What it calls itself., type: str}
    serial: {description: Its serial number., type: str}
    size: {description: Bytes., type: int}
new:
  description: Devices that the kernel did not know.
  returned: success
  type: list
  elements: str
resized:
  description: Devices that it knew in another size.
  returned: success
  type: list
  elements: str
problems:
  description: Why they cannot be used.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.aoe import kernel
from ansible.module_utils.aoe.frames import Slot
from ansible.module_utils.aoe.ready import make_ready
from ansible.module_utils.basic import AnsibleModule

OPTIONS = {
    "interface": {"type": "str", "required": True},
    "devices": {"type": "list", "elements": "str", "required": True},
    "mtu": {"type": "int", "default": 9000},
    "vlan": {"type": "int", "default": 0},
    "wait": {"type": "int", "default": 20},
}


def main() -> None:
    """Wait, try, tell the kernel."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    try:
        slots = [Slot.of(text) for text in given["devices"]]
    except ValueError as fault:
        module.fail_json(msg=str(fault))
    if not kernel.loaded() and not module.check_mode:
        module.run_command(["modprobe", "aoe"], check_rc=True)
    try:
        ready = make_ready(given["interface"], given["mtu"], given["vlan"], slots, given["wait"], check=module.check_mode)
    except OSError as fault:
        module.fail_json(msg=f"AoE cannot be spoken on {given['interface']}: {fault}")
    if ready.problems:
        module.fail_json(msg="\n".join(ready.problems), problems=ready.problems)
    devices = [
        {"device": str(slot), "path": kernel.node(slot), "model": who.model, "serial": who.serial, "size": who.size}
        for slot, who in sorted(ready.identities.items())
    ]
    new, resized = [str(slot) for slot in ready.new], [str(slot) for slot in ready.resized]
    module.exit_json(changed=bool(new or resized), devices=devices, new=new, resized=resized)


if __name__ == "__main__":
    main()
