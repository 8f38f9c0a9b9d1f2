#!/usr/bin/python
"""Ansible module: the keys that sign outgoing mail, kept on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dkim_selectors
short_description: Make the keys that sign outgoing mail, and do the next step of their rotation
description:
  - Keeps RSA keys and one state file C(selectors.yml) in a directory of the control node. A selector is published, then signs, then is
    retired, and last its records are withdrawn and its key is thrown away. One key signs for all domains.
  - It changes nothing but that directory. Name servers and signers are brought in line by the roles that read it, and then the step is
    confirmed; waiting times count from the confirmation.
attributes:
  check_mode:
    description: Says which step it would do.
    support: full
options:
  directory:
    description: Where state and keys are. It is made when it is missing, for its owner alone.
    type: path
    required: true
  domains:
    description: Mail domains for which the keys sign.
    type: list
    elements: str
    required: true
  step:
    description:
      - V(first) makes the first selector, which signs at once, when there is none, and sees to it that every domain has records.
      - V(next) does the step that is due, or repeats one that was not confirmed. It fails when nothing is due.
      - V(confirm) writes down that every machine has done the step.
    type: str
    choices: [first, next, confirm]
    default: next
  publish_wait:
    description: Seconds that a selector has to have been in DNS before it signs.
    type: int
    default: 86400
  retire_wait:
    description: Seconds that the record of a selector stays after its last signature.
    type: int
    default: 604800
  period:
    description: Seconds that a selector signs before its successor is published.
    type: int
    default: 15552000
  now:
    description: Publish a successor although O(period) has not passed. It shortens no other waiting time.
    type: bool
    default: false
author:
  - Posthouse
"""

EXAMPLES = r"""
- name: The next step
  dkim_selectors:
    directory: "{{ inventory_dir }}/dkim"
    domains: [example.org]
  delegate_to: localhost
"""

RETURN = r"""
kind:
  description: The step, which is C(first), C(publish), C(sign), C(withdraw), or nothing.
  returned: always
  type: str
selector:
  description: Whose step it was.
  returned: always
  type: str
msg:
  description: What was done, or why not and from when on.
  returned: always
  type: str
"""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils import dkim
from ansible.module_utils.basic import AnsibleModule

_DONE = {
    "first": "{} is the first selector and signs at once.",
    "publish": "{} is published; it does not sign yet.",
    "sign": "{} signs; the one before it is retired and stays published.",
    "withdraw": "The records of {} are withdrawn.",
}


def _first(before: dkim.Selectors, asked: dict[str, Any], now: datetime, write: bool) -> tuple[dkim.Step | None, dkim.Selectors]:
    """The selectors when there is at least one that signs, with records for every domain."""
    if dkim.of_stage(before, dkim.SIGNING):
        return None, dkim.for_domains(before, asked["domains"])
    step = dkim.Step("first", dkim.new_name(before, now), now)
    return step, dkim.begin(before, step, _records(asked, step.selector, write), now)


def _next(before: dkim.Selectors, asked: dict[str, Any], now: datetime, write: bool) -> tuple[dkim.Step, dkim.Selectors]:
    """The selectors after the next step; refuses what is too early."""
    waits = dkim.Waits(publish=asked["publish_wait"], retire=asked["retire_wait"], period=asked["period"])
    step = dkim.next_step(before, waits, now)
    if now < step.due and not (asked["now"] and step.kind == "publish"):
        raise dkim.Refused(dkim.refusal(before, step, waits))
    new = step.kind in ("first", "publish") and not step.repeated
    return step, dkim.begin(before, step, _records(asked, step.selector, write) if new else {}, now)


def _records(asked: dict[str, Any], selector: str, write: bool) -> dict[str, str]:
    """The records of a new selector; in check mode no key is made, so there are none."""
    record = dkim.make_key(asked["directory"], selector) if write else ""
    return dict.fromkeys(asked["domains"], record)


def main() -> None:
    """Do the step that is asked for."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "domains": {"type": "list", "elements": "str", "required": True},
            "step": {"type": "str", "choices": ["first", "next", "confirm"], "default": "next"},
            "publish_wait": {"type": "int", "default": 86400},
            "retire_wait": {"type": "int", "default": 604800},
            "period": {"type": "int", "default": 15552000},
            "now": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    asked, now, write = module.params, datetime.now(UTC), not module.check_mode
    directory = Path(asked["directory"])
    lock = -1
    if write:
        directory.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(directory, os.O_RDONLY)
        # Two operators at once: the second sees what the first has done.
        fcntl.flock(lock, fcntl.LOCK_EX)
    step: dkim.Step | None = None
    try:
        before = dkim.read(asked["directory"])
        if asked["step"] == "confirm":
            after = dkim.confirm(before, now)
        elif asked["step"] == "first":
            step, after = _first(before, asked, now, write)
        else:
            step, after = _next(before, asked, now, write)
        if write and after != before:
            dkim.write(asked["directory"], after)
    except (dkim.Refused, ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    finally:
        if lock >= 0:
            os.close(lock)
    said = _DONE[step.kind].format(step.selector) if step else ""
    if step and step.repeated:
        said += " Not every machine had heard of it, so it is carried to them once more."
    module.exit_json(changed=after != before, kind=step.kind if step else "", selector=step.selector if step else "", msg=said)


if __name__ == "__main__":
    main()
