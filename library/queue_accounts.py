#!/usr/bin/python
"""Ansible module: a queue of Postfix that another machine left behind belongs to this machine's accounts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: queue_accounts
short_description: Give a queue of Postfix that came from another machine to this machine's accounts
description:
  - Packages take the next free number for their accounts, so C(postfix) and C(postdrop) have other numbers on other machines. A queue on a
    disk that changes machines would be nobody's there, and its letters would wait for ever.
  - Only numbers that are not root's are changed, to those that the place in the queue wants. What Postfix runs from is not touched, so it
    can be repeated at any time.
attributes:
  check_mode:
    description: Says whether anything belongs to other accounts.
    support: full
options:
  path:
    description: The queue directory. Nothing is done when there is no queue.
    type: path
    default: /var/spool/postfix
author:
  - Posthouse
"""

EXAMPLES = r"""
- name: Letters of the dead machine are this one's
  queue_accounts:
"""

RETURN = r"""
paths:
  description: How many files and directories were given away.
  returned: always
  type: int
"""

import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

Owner = tuple[int, int]
Change = tuple[Path, int, int]


def wanted(queue: Path, postfix: Owner, postdrop: int) -> Iterator[Change]:
    """Say which paths of a queue belong to whom, where that differs. postfix: its user and group. postdrop: the group that hands in."""
    if not (queue / "active").is_dir():
        return
    for folder, folders, files in os.walk(queue):
        inside = Path(folder).relative_to(queue).parts[:1]
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            try:
                at = path.lstat()
            except FileNotFoundError:
                continue  # a run that is repeated meets a queue that lives
            if not (stat.S_ISDIR(at.st_mode) or stat.S_ISREG(at.st_mode)):
                continue  # sockets and pipes are made anew by whoever listens
            dropped = (inside or (name,))[0] == "maildrop" or (not inside and name == "public")
            # Who handed a letter in stays its owner: Postfix looks at that (postdrop(1)).
            user = at.st_uid if inside == ("maildrop",) or not at.st_uid else postfix[0]
            group = at.st_gid if not at.st_gid else postdrop if dropped else postfix[1]
            if (user, group) != (at.st_uid, at.st_gid):
                yield path, user, group


def give(changes: Iterator[Change], chown: Callable[..., None] = os.chown) -> int:
    """Change owners; return how many. A letter that left meanwhile is nobody's matter."""
    count = 0
    for path, user, group in changes:
        try:
            chown(path, user, group, follow_symlinks=False)
        except FileNotFoundError:
            continue
        count += 1
    return count


def main() -> None:
    """Look, and give."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "default": "/var/spool/postfix"}}, supports_check_mode=True)
    try:
        user, drop = pwd.getpwnam("postfix"), grp.getgrnam("postdrop").gr_gid
    except KeyError as error:
        module.fail_json(msg=f"Postfix is not installed here: {error}")
    changes = wanted(Path(module.params["path"]), (user.pw_uid, user.pw_gid), drop)
    count = sum(1 for _ in changes) if module.check_mode else give(changes)
    module.exit_json(changed=bool(count), paths=count)


if __name__ == "__main__":
    main()
