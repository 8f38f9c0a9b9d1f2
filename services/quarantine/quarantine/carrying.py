"""Carry dumps elsewhere and back as one tar: the newest of each database, with the sheet that says what is in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from posthouse import disk
from posthouse.accounts import become_owner

from . import dump
from .dump import Dump
from .errors import QuarantineError, UsageError
from .settings import Admin

_NAMES = re.compile(r"(\w+)-(\d{8}T\d{6}Z)\.(sql\.zst|json)")
_BLOCK = 1 << 20


def export(settings: Admin, out: IO[bytes]) -> list[Dump]:
    """Write the newest dump of each database as a tar. Raises QuarantineError when one has none."""
    directory = Path(settings.dumps)
    dumps = [dump.newest(settings, name) for name in (settings.database, settings.antispam)]
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for one in dumps:
            for path in (dump.sheet(directory / one.file), directory / one.file):
                tar.add(path, arcname=path.name, filter=_nobodys)
    return dumps


def named(file: str) -> Dump:
    """Return the dump of a name, of which nothing else is known. Raises UsageError for what is no dump's name."""
    if not (parts := _NAMES.fullmatch(file)) or parts[3] != "sql.zst":
        raise UsageError("that is no name of a dump")
    return Dump(file, parts[1], parts[2], 0, 0.0, {})


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def bring(settings: Admin, stream: IO[bytes], check: bool = False) -> list[Dump]:
    """Read such a tar and, unless it is only to be checked, put its dumps beside the others.

    Raises QuarantineError when anything in it is not whole; then nothing is there.
    As root it goes on as the owner of the dumps, so that they can be removed again by whoever thins them out.
    """
    directory = Path(settings.dumps)
    become_owner(directory, 0o077)
    for left in directory.glob(".import-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".import-", dir=directory) as name:
        folder = Path(name)
        try:
            _unpack(stream, folder)
        except (tarfile.TarError, EOFError) as fault:
            raise QuarantineError(f"the tar is not whole ({fault}): nothing was brought") from fault
        found = {one.database: one for one in _whole(folder)}
        if missing := {settings.database, settings.antispam} - set(found):
            raise QuarantineError(f"the tar is not whole (it has no dump of {', '.join(sorted(missing))}): nothing was brought")
        for one in [] if check else found.values():
            for path in (dump.sheet(folder / one.file), folder / one.file):
                path.replace(directory / path.name)
    disk.sync(directory)
    return list(found.values())


def _unpack(stream: IO[bytes], folder: Path) -> None:
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            if not member.isfile() or not _NAMES.fullmatch(member.name):
                raise QuarantineError("the tar has something in it that is no dump: nothing was brought")
            source = tar.extractfile(member)
            assert source
            with (folder / member.name).open("xb") as out:
                while block := source.read(_BLOCK):
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())


def _whole(folder: Path) -> Iterator[Dump]:
    """Return the dumps of a folder that their sheets and their own last line call complete."""
    for path in sorted(folder.glob("*.json")):
        one = None
        with suppress(ValueError, TypeError, KeyError):
            one = dump.read(json.loads(path.read_text(encoding="utf-8")))
        if one is None or dump.sheet(folder / one.file) != path:
            raise QuarantineError(f"{path.name} does not say what is in a dump: nothing was brought")
        file = folder / one.file
        if not file.exists() or file.stat().st_size != one.size or not _ends(file):
            raise QuarantineError(f"{one.file} is not whole: nothing was brought")
        yield one


def _ends(file: Path) -> bool:
    """Whether all of a dump can be unpacked and its last words are there."""
    tail = b""
    with subprocess.Popen(["zstd", "-q", "-d", "-c", file], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacker:
        assert unpacker.stdout
        while block := unpacker.stdout.read(_BLOCK):
            tail = (tail + block)[-200:]
    return unpacker.returncode == 0 and dump.END in tail
