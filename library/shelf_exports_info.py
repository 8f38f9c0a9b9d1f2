#!/usr/bin/python
"""What a shelf really exports, and to whom: its processes are asked, not its configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
module: shelf_exports_info
short_description: Say what vblade processes of a machine export, and to which hardware addresses
description:
  - Reads the command lines of all running vblade(8) from C(/proc), whoever started them. What a unit says is what a restart would do;
    whether an old machine is kept out is decided by what runs.
attributes:
  check_mode:
    description: It only ever reads.
    support: full
options: {}
author:
  - Posthouse
"""

EXAMPLES = r"""
- name: What is exported
  shelf_exports_info:
  register: exports
"""

RETURN = r"""
exports:
  description: One for each process, by address.
  returned: always
  type: list
  elements: dict
  contains:
    address:
      description: Shelf and slot.
      type: str
      sample: "1.0"
    cards:
      description: Hardware addresses that are let in; everybody is, when there are none.
      type: list
      elements: str
    interface:
      description: Where it is exported.
      type: str
    path:
      description: What is exported.
      type: str
    process:
      description: Number of the process.
      type: int
"""

import getopt
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule


def exports(proc: Path = Path("/proc")) -> list[dict[str, Any]]:
    """Read processes. proc: the kernel's directory of them. Raises ValueError for a vblade whose words are not understood."""
    found = []
    for folder in sorted((one for one in proc.iterdir() if one.name.isdigit()), key=lambda one: int(one.name)):
        try:
            words = (folder / "cmdline").read_bytes().rstrip(b"\0").decode("utf-8", "replace").split("\0")
        except OSError:
            continue  # it ended meanwhile
        if words[0].rpartition("/")[2] == "vblade":
            found.append({"process": int(folder.name), **export(words)})
    return sorted(found, key=lambda one: (one["address"], one["process"]))


def export(words: list[str]) -> dict[str, Any]:
    """Read a command line of vblade(8): [-b buffers] [-d] [-s] [-r] [-m cards] [-o offset] [-l length] shelf slot interface path."""
    try:
        options, rest = getopt.getopt(words[1:], "b:dsrm:o:l:")
        shelf, slot, interface, path = rest
    except (getopt.GetoptError, ValueError) as error:
        raise ValueError(f"this vblade is not understood, so nobody knows whom it lets in: {' '.join(words)}") from error
    cards = [card.lower() for name, value in options if name == "-m" for card in value.split(",") if card]
    return {"address": f"{int(shelf)}.{int(slot)}", "interface": interface, "path": path, "cards": cards}


def main() -> None:
    """Answer."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, exports=exports())
    except ValueError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
