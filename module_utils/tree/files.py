"""Files: look, decide, stage all, then move all into place; keep what was there for the way back."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat

from .picture import Entry, Problem, parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Present:
    """What stands at a path now. kind: absent, file, link, directory, other."""

    __slots__ = ("content", "gid", "kind", "link", "mode", "uid")

    def __init__(self, path: str) -> None:
        self.kind, self.content, self.link, self.uid, self.gid, self.mode = "absent", b"", "", 0, 0, 0
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        self.uid, self.gid, self.mode = status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)
        if stat.S_ISREG(status.st_mode):
            self.kind = "file"
            with open(path, "rb", 0) as stream:
                self.content = stream.readall()
        elif stat.S_ISLNK(status.st_mode):
            self.kind = "link"
            self.link = os.readlink(path)
        else:
            self.kind = "directory" if stat.S_ISDIR(status.st_mode) else "other"


class Change:
    """A path that differs from its picture. uid and gid are -1 when the account is only promised (check mode)."""

    __slots__ = ("before", "entry", "gid", "temporary", "uid", "what")

    def __init__(self, entry: Entry, before: Present, uid: int, gid: int, what: list[str]) -> None:
        self.entry, self.before, self.uid, self.gid, self.what = entry, before, uid, gid, what
        self.temporary = ""


def refuse(entry: Entry, before: Present) -> None:
    """Raise when something stands at the path that must not be replaced by a file."""
    if before.kind in ("directory", "other"):
        kind = "directory" if before.kind == "directory" else "special file"
        raise Problem(f"{entry.path} is a {kind} on the machine; {entry.source} ships a file there: remove one of them")


def decide(entry: Entry, before: Present, uid: int, gid: int) -> Change | None:
    """Compare one path with its picture, for real: content, kind, owner, group and mode. None: nothing to do."""
    what = []
    if before.kind == "absent":
        what.append("new")
    elif entry.link is not None:
        if before.link != entry.link:
            what.append("target")
    elif before.kind == "link":
        # Replaced, not followed: the picture says that a file stands here, and what a link points at belongs to somebody else.
        what.append("link")
    else:
        what += [
            name
            for name, differs in (
                ("content", not entry.has_content(before.content)),
                ("owner", before.uid != uid),
                ("group", before.gid != gid),
                ("mode", before.mode != entry.mode),
            )
            if differs
        ]
    return Change(entry, before, uid, gid, what) if what else None


def owner_of(entry: Entry, may_miss: bool) -> tuple[int, int]:
    """Return uid and gid of a file. With may_miss (check mode) an account may be one that a package or sysusers.d will bring: -1."""
    found = []
    for kind, name, look_up in (("user", entry.owner, _uid), ("group", entry.group, _gid)):
        number = look_up(name)
        if number is None and not may_miss:
            raise Problem(f"{entry.path}: there is no {kind} {name!r} on the machine; let a package or /etc/sysusers.d bring it")
        found.append(-1 if number is None else number)
    return found[0], found[1]


def _uid(name: str) -> int | None:
    if name == "root":
        return 0
    try:
        return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _gid(name: str) -> int | None:
    if name == "root":
        return 0
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def make_parents(path: str) -> list[str]:
    """Make the missing directories above a path, root 0755; return them, the outermost first."""
    missing: list[str] = []
    for directory in parents(path):
        if os.path.isdir(directory):
            break
        missing.insert(0, directory)
    for directory in missing:
        os.mkdir(directory, 0o755)
    return missing


def stage(change: Change) -> None:
    """Write the new file beside the old one, with its owner and mode, safely on disk, under a name nobody reads."""
    entry = change.entry
    change.temporary = _beside(entry.path)
    if entry.link is not None:
        os.symlink(entry.link, change.temporary)
    elif set(change.what) - {"owner", "group", "mode"}:
        _write_new(change.temporary, entry.content or b"", change.uid, change.gid, entry.mode)
    else:
        change.temporary = ""


def commit(change: Change) -> None:
    """Put a staged change into place."""
    entry = change.entry
    if not change.temporary:
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.fchown(descriptor, change.uid, change.gid)
            os.fchmod(descriptor, entry.mode)
        finally:
            os.close(descriptor)
        return
    _move(change.temporary, entry.path, entry.content, change.uid, change.gid, entry.mode)


def discard(changes: Iterable[Change]) -> None:
    """Remove what was staged and will not be used."""
    for change in changes:
        if change.temporary and os.path.lexists(change.temporary):
            os.unlink(change.temporary)


def restore(path: str, before: Present) -> None:
    """Put back what stood at a path."""
    if before.kind == "absent":
        remove(path)
        return
    temporary = _beside(path)
    make_parents(path)
    if before.kind == "link":
        os.symlink(before.link, temporary)
    else:
        _write_new(temporary, before.content, before.uid, before.gid, before.mode)
    _move(temporary, path, before.content, before.uid, before.gid, before.mode)


def remove(path: str) -> bool:
    """Remove a file or link; False when there is none, or when it is a mount point, which cannot be removed."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return True


def sync_directories(paths: Iterable[str]) -> None:
    """Make the new names durable: a rename is only safe once its directory is (fsync(2))."""
    for directory in {os.path.dirname(path) for path in paths}:
        if os.path.isdir(directory):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _beside(path: str) -> str:
    directory, name = os.path.split(path)
    # The leading dot and the suffix keep it out of *.conf includes while it exists.
    return f"{directory}/.{name}.{os.getpid()}.posthouse"


def _write_new(path: str, content: bytes, uid: int, gid: int, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    _fill(descriptor, content, uid, gid, mode)


def _fill(descriptor: int, content: bytes, uid: int, gid: int, mode: int) -> None:
    with open(descriptor, "wb", 0) as stream:
        view = memoryview(content)
        while view:
            view = view[stream.write(view) :]
        os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, mode)  # after fchown, which clears set-user-ID bits
        os.fsync(descriptor)


def _move(temporary: str, path: str, content: bytes | None, uid: int, gid: int, mode: int) -> None:
    try:
        os.rename(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        if error.errno != errno.EBUSY or content is None:
            raise
        # A bind mount, as /etc/resolv.conf of a container: nothing can be renamed onto it, so it is written in place.
        _fill(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC), content, uid, gid, mode)
