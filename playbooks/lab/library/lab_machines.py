"""Documentation of the action ``lab_machines``; the work is done on the control node, by its action plugin."""

DOCUMENTATION = r"""
module: lab_machines
short_description: The lab's machines as containers on the control node
description:
  - Makes, starts or removes one systemd container for each named host of the inventory, with the addresses that
    the inventory promises, and a cache of Debian packages for them.
  - Cleans up after runs that were killed.
  - With the last machine goes everything that the lab put on the control node outside the checkout and the cache folder.
options:
  names:
    description:
      - Hosts of the inventory. Each needs C(address); C(public_address) gives it a second leg, C(address6) and C(public_address6)
        the same for IPv6.
    type: list
    elements: str
    required: true
  state:
    description: Whether they shall run or be gone.
    type: str
    choices: [present, absent]
    default: present
author: Posthouse
"""

EXAMPLES = r"""
- name: Every machine of the inventory runs
  lab_machines:
    names: "{{ groups['all'] }}"
"""

RETURN = r"""
created:
  description: Machines that were made.
  type: list
  elements: str
  returned: always
started:
  description: Machines that existed and were started.
  type: list
  elements: str
  returned: always
removed:
  description: Machines that were removed.
  type: list
  elements: str
  returned: always
"""
