"""Users and directories that a role ships as sysusers.d(5) and tmpfiles.d(5) files."""

from __future__ import annotations

import grp
import os
import pwd
import stat

from .picture import Entry, Problem, split_words
from .system import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SYSUSERS = "/etc/sysusers.d/"
TMPFILES = "/etc/tmpfiles.d/"


def missing_accounts(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """Return path of a sysusers.d file → accounts and memberships in it that the machine does not have."""
    lacking: dict[str, list[str]] = {}
    for entry in entries:
        for words in _lines(entry):
            kind, name = words[0].rstrip("!"), words[1]
            if (kind == "u" and not _has_user(name)) or (kind == "g" and not _has_group(name)):
                lacking.setdefault(entry.path, []).append(name)
            elif kind == "m" and len(words) > 2 and not _is_member(name, words[2]):
                lacking.setdefault(entry.path, []).append(f"{name} in {words[2]}")
    return lacking


def make_accounts(paths: Iterable[str]) -> None:
    """Let systemd make the accounts of these files."""
    code, output = run(["systemd-sysusers", *sorted(paths)])
    if code:
        raise Problem(f"systemd-sysusers refuses {', '.join(sorted(paths))}:\n{output.strip()}")


def wrong_directories(entries: Iterable[Entry]) -> dict[str, list[str]]:
    """Return path of a tmpfiles.d file → paths in it that are missing or have another owner or mode.

    Only plain lines are judged here; what has specifiers or globs is systemd's alone and follows changes of its file.
    """
    wrong: dict[str, list[str]] = {}
    for entry in entries:
        for words in _lines(entry):
            if _is_wrong(words):
                wrong.setdefault(entry.path, []).append(words[1])
    return wrong


def make_directories(paths: Iterable[str]) -> None:
    """Let systemd make what these files ask for."""
    code, output = run(["systemd-tmpfiles", "--create", *sorted(paths)])
    if code:
        raise Problem(f"systemd-tmpfiles refuses {', '.join(sorted(paths))}:\n{output.strip()}")


def _lines(entry: Entry) -> Iterator[list[str]]:
    for line in (entry.content or b"").decode("utf-8", "replace").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            words = split_words(line)
            if len(words) > 1:
                yield words


def _is_wrong(words: list[str]) -> bool:
    kind, path = words[0], words[1]
    letter = kind[:1]
    if letter not in "dDvqQfFLpbcC" or "%" in path or "*" in path or set(kind) & set("!-=~^"):
        return False
    mode, user, group = [*words[2:5], "-", "-", "-"][:3]
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    if letter not in "dDvqQ":
        return False
    if not stat.S_ISDIR(status.st_mode):
        return True
    if mode.isdigit() and stat.S_IMODE(status.st_mode) != int(mode, 8):
        return True
    if user[:1] not in "-:%" and status.st_uid != _number(user, _uid):
        return True
    return group[:1] not in "-:%" and status.st_gid != _number(group, _gid)


def _uid(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _gid(name: str) -> int:
    return grp.getgrnam(name).gr_gid


def _number(name: str, look_up: object) -> int:
    if name.isdigit():
        return int(name)
    try:
        return int(look_up(name))  # type: ignore[operator]
    except KeyError:
        return -1


def _has_user(name: str) -> bool:
    return _number(name, _uid) != -1


def _has_group(name: str) -> bool:
    return _number(name, _gid) != -1


def _is_member(user: str, group: str) -> bool:
    try:
        found = grp.getgrnam(group)
        return user in found.gr_mem or pwd.getpwnam(user).pw_gid == found.gr_gid
    except KeyError:
        return False
