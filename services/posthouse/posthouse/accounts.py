"""Give up root."""

from __future__ import annotations

import os
import pwd
from pathlib import Path


def become(account: pwd.struct_passwd) -> None:
    """Go on as this account, with its groups and its home, for good."""
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ["HOME"] = account.pw_dir


def become_owner(folder: Path, umask: int | None = None) -> None:
    """Go on as whoever owns a folder, when root asks: else what root leaves behind there could be replaced by nobody else.

    A folder of root's, or one that is not there, changes nothing. umask: for whoever goes on.
    """
    if os.geteuid() != 0 or not folder.exists() or not (owner := folder.stat().st_uid):
        return
    become(pwd.getpwuid(owner))
    if umask is not None:
        os.umask(umask)
