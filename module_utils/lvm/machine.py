"""Commands on the machine, and the few bytes that are read and written without one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MEBIBYTE = 1 << 20
#: So many places of a disk are looked at, so many bytes each.
_PLACES, _BLOCK_SIZE = 256, 4096
#: _IOR('X', 126, struct xfs_fsop_geom), linux/fs/xfs/libxfs/xfs_fs.h: block size at 0, blocks of data at 32.
_GEOMETRY, _GEOMETRY_SIZE = 0x8100587E, 256
#: FS_IOC_GETFLAGS, FS_IOC_SETFLAGS and FS_IMMUTABLE_FL of linux/fs.h, for 64 bits.
_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10
_XFS_MAGIC = b"XFSB"
#: Of the superblock on disk (xfs_format.h): size of a block, their number, and the mark of a mkfs that has not ended.
_BLOCK, _BLOCKS, _UNFINISHED = 4, 8, 126
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "LVM_SUPPRESS_FD_WARNINGS": "1"}


class CommandError(RuntimeError):
    """A command failed; the message has it and its last words."""


def run(command: Sequence[str], seconds: float = 600) -> str:
    """Run a command and return what it said. Raises CommandError."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,  # LVM asks before it wipes what nobody has seen, and nobody's answer is a no
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=_ENVIRONMENT,
            check=False,
        )
    except subprocess.TimeoutExpired as fault:
        raise CommandError(f"'{' '.join(command)}' has not ended after {seconds:.0f} seconds") from fault
    if done.returncode:
        raise CommandError(f"'{' '.join(command)}' failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def size_of(node: str) -> int:
    """Return the bytes of a block device."""
    descriptor = os.open(node, os.O_RDONLY)
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    finally:
        os.close(descriptor)


def _places(size: int) -> list[tuple[int, int]]:
    """Return where a disk of that size is looked at, and how many bytes: its head first, its end last, and between them."""
    between = [size * number // _PLACES // _BLOCK_SIZE * _BLOCK_SIZE for number in range(1, _PLACES)]
    return [(0, MEBIBYTE), *((place, _BLOCK_SIZE) for place in between), (max(0, size - MEBIBYTE), MEBIBYTE)]


def head_of(node: str) -> tuple[bool, str, bool]:
    """Return whether there is anything but zeros, a digest of what was looked at, and whether any of it is beyond the first mebibyte.

    That is the first mebibyte, the last one, and places between them: a disk whose head was wiped still holds data.
    """
    seen, dirty, deep = hashlib.sha256(), False, False
    with Path(node).open("rb", buffering=0) as stream:
        for place, length in _places(stream.seek(0, os.SEEK_END)):
            stream.seek(place)
            piece = stream.read(length)
            seen.update(piece)
            dirty = dirty or any(piece)
            deep = deep or any(piece[max(0, MEBIBYTE - place) :])
    return dirty, seen.hexdigest(), deep


def remembered(path: str) -> dict[str, str]:
    """Return what the machine has made; nothing when it has not yet. Raises CommandError when nobody can tell."""
    try:
        said = json.loads(Path(path).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as fault:
        raise CommandError(
            f"{path} is damaged, by which this machine knows what it made: restore it, or remove it if all disks are there"
        ) from fault
    return {str(name): str(identity) for name, identity in said.items()}


def remember(path: str, made: Mapping[str, str]) -> None:
    """Write what the machine has made, in one step."""
    file = Path(path)
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    with new.open("w") as stream:
        json.dump(made, stream, indent=1, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    new.rename(file)


def xfs_on(node: str) -> tuple[bool, int]:
    """Return whether an XFS that is not mounted is whole, and its bytes of data."""
    with Path(node).open("rb", buffering=0) as stream:
        block = stream.read(512)
    if block[:4] != _XFS_MAGIC or block[_UNFINISHED]:
        return False, 0
    size, blocks = struct.unpack_from(">I", block, _BLOCK)[0], struct.unpack_from(">Q", block, _BLOCKS)[0]
    return True, size * blocks


def xfs_at(path: str) -> int:
    """Return the bytes of data of a mounted XFS: the superblock on disk may be older."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        said = fcntl.ioctl(descriptor, _GEOMETRY, bytes(_GEOMETRY_SIZE))
    finally:
        os.close(descriptor)
    return int(struct.unpack_from("=I", said, 0)[0] * struct.unpack_from("=Q", said, 32)[0])


def erase(node: str) -> None:
    """Take everything off a disk by which something could be known again. Fails while somebody has it open.

    What is looked at is empty afterwards, for a run that ends here is repeated, and its consent is for what was there before.
    """
    descriptor = os.open(node, os.O_WRONLY | os.O_EXCL)
    try:
        for place, length in reversed(_places(os.lseek(descriptor, 0, os.SEEK_END))):
            os.pwrite(descriptor, bytes(length), place)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    run(["wipefs", "--all", "--quiet", node])


def immutable(path: str) -> bool:
    """Whether nobody can make anything in a directory, root included."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return bool(struct.unpack("=q", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)))[0] & _IMMUTABLE)
    except OSError:  # not every file system knows it
        return os.fstat(descriptor).st_mode & 0o777 == 0
    finally:
        os.close(descriptor)


def forbid(path: str) -> None:
    """Make a directory one in which nobody makes anything; what is empty in it goes. Raises CommandError where something is mounted."""
    if Path(path).is_mount():
        raise CommandError(f"something has been mounted at {path} since it was looked at: run this again")
    Path(path).mkdir(parents=True, exist_ok=True)
    for folder, _, _ in os.walk(path, topdown=False):
        if folder != path and not any(Path(folder).iterdir()):
            Path(folder).rmdir()
    Path(path).chmod(0)
    _set_immutable(path, wanted=True)


def allow(path: str) -> None:
    """Make a directory one like any other again."""
    _set_immutable(path, wanted=False)
    Path(path).chmod(0o755)


def _set_immutable(path: str, *, wanted: bool) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flags = struct.unpack("=q", fcntl.ioctl(descriptor, _GET_FLAGS, bytes(8)))[0] & ~_IMMUTABLE
        fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("=q", flags | (_IMMUTABLE if wanted else 0)))
    except OSError:
        pass  # not every file system knows it; the mode keeps all but root out
    finally:
        os.close(descriptor)
