#!/usr/bin/python
"""The inventory judged before anything changes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: check_inventory
short_description: Judge the inventory before anything changes
description:
  - Reads the inventory's own files on the control node, needs no machine, and changes nothing.
  - Every variable has to be an option of a role or a value of playbooks/site_values.yml; a misspelt one fails with a suggestion, a renamed
    one with its new name, one that follows from the wiring with what to set instead.
  - Values have to be of their kind (networks, addresses, domains), no address may stand twice, each host has to be of some noun, and the
    secrets have to be there.
  - All faults are told at once, each with its file, line and remedy.
attributes:
  check_mode:
    description: It only ever reads.
    support: full
options: {}
author:
  - Posthouse
"""

EXAMPLES = r"""
- name: The inventory says what we understand
  hosts: all
  gather_facts: false
  tasks:
    - name: Check the inventory
      check_inventory:
      run_once: true
"""

RETURN = r"""
msg:
  description: The faults, one a line.
  returned: on failure
  type: str
"""
