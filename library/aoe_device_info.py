#!/usr/bin/python
"""Ansible module: which AoE devices answer, and what the kernel made of them."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: aoe_device_info
short_description: Say which shelves and slots answer on a storage network
version_added: "1.0.0"
description:
  - Asks on one interface who is there, and each that answers who it is. Nothing is written anywhere, and no device is opened.
  - A LUN that does not let this machine in is silent, and so not in the answer.
options:
  interface:
    description: The interface on which AoE is spoken.
    type: str
    required: true
  mtu:
    description: Packets of this size are tried there and back with each device. With V(0) none are.
    type: int
    default: 0
attributes:
  check_mode:
    description: It only looks.
    support: full
  diff_mode:
    description: It only looks.
    support: none
author: [Posthouse developers (@posthouse)]
"""

EXAMPLES = r"""
- name: Who is there?
  aoe_device_info:
    interface: aoe0
    mtu: 9000
  register: shelves
"""

RETURN = r"""
address:
  description: Hardware address of this machine on that interface, which shelves' lists of access name.
  returned: success
  type: str
  sample: "02:00:00:00:01:18"
devices:
  description: One for each slot, in order.
  returned: success
  type: list
  elements: dict
  contains:
    device: {description: Shelf and slot., type: str, sample: "1.0"}
    ports: {description: Hardware addresses that answer for it., type: list, elements: str}
    sectors: {description: Sectors that it takes in one frame., type: int, sample: 17}
    buffers: {description: Frames that it takes at once., type: int}
    model: {description: What it calls itself., type: str}
    serial: {description: Its serial number., type: str}
    size: {description: Bytes., type: int}
    text: {description: The configuration string that somebody may have given it., type: str}
    kernel: {description: The driver's state of it; empty when it has none., type: str, sample: up}
    payload: {description: Bytes of data that the driver puts into a frame., type: int}
    problem: {description: What is wrong with packets of O(mtu); empty for nothing., type: str}
"""

from ansible.module_utils.aoe import interface, kernel, survey
from ansible.module_utils.aoe.wire import Wire
from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Ask, and say what was answered."""
    module = AnsibleModule(
        argument_spec={"interface": {"type": "str", "required": True}, "mtu": {"type": "int", "default": 0}}, supports_check_mode=True
    )
    name, mtu = module.params["interface"], module.params["mtu"]
    try:
        wire = Wire(name)
    except OSError as fault:
        module.fail_json(msg=f"nothing can be asked on {name}: {fault.strerror}")
    devices = []
    found = survey.look(wire, [], 0)
    for slot in sorted(found.configs):
        ports = found.ports(slot)
        identity = survey.who(wire, ports[0])
        known = kernel.state(slot)
        devices.append(
            {
                "device": str(slot),
                "ports": [port.source for port in ports],
                "sectors": min(port.sectors for port in ports),
                "buffers": min(port.buffers for port in ports),
                "model": identity.model if identity else "",
                "serial": identity.serial if identity else "",
                "size": identity.size if identity else 0,
                "text": ports[0].text,
                "kernel": known.state if known else "",
                "payload": known.payload if known else 0,
                "problem": next(filter(None, (survey.full_size(wire, port, mtu) for port in ports)), "") if mtu else "",
            }
        )
    wire.close()
    module.exit_json(changed=False, address=interface.own_address(name), devices=devices)


if __name__ == "__main__":
    main()
