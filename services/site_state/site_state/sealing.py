"""Run a command, encrypt what it prints, and keep it only when both came to a good end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from posthouse import generations
from posthouse.generations import Sheet

from .errors import StateError
from .settings import Settings, Source

#: What stays free on the disk, whatever is done: slapd or MariaDB may live on the same one.
SPARE = 512 << 20
#: Seconds for a command to end after its last word.
PATIENCE = 60.0
_BLOCK = 1 << 20


def seal(settings: Settings, source: Source) -> Sheet:
    """Seal one source into a new generation, and remove those that are too many. Raises StateError; then nothing has changed.

    What is in it is never written anywhere but into the pipe to age, so a disk that is thrown away tells nothing.
    """
    folder, begun = Path(settings.folder), time.monotonic()
    for left in folder.glob(f".{source.name}-*.new"):
        left.unlink()
    last = next((one.size for one in generations.listed(folder) if one.name == source.name), 0)
    if (free := shutil.disk_usage(folder).free) < last + SPARE:
        raise StateError(f"{folder} has {free >> 20} MB free, too little to seal {source.name}: nothing was done")
    at = generations.stamp(folder, source.name)
    descriptor, name = tempfile.mkstemp(prefix=f".{source.name}-", suffix=".new", dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            plain = _piped(settings, source, out)
        size, summed = generations.digest(temporary)
        took = round(time.monotonic() - begun, 1)
        sheet = Sheet(machine=settings.machine, name=source.name, at=at, size=size, sha256=summed, plain=plain, seconds=took)
        generations.publish(folder, sheet, temporary)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # By number, not by age: what backup machines have not fetched for a week is still the newest.
    for old in [one for one in generations.listed(folder) if one.name == source.name][max(settings.kept, 1) :]:
        (folder / old.sheet).unlink(missing_ok=True)
        (folder / old.file).unlink(missing_ok=True)
    return sheet


def age(keys: Sequence[str]) -> list[str]:
    """Return the command that encrypts to these keys (age(1))."""
    return ["age", "--encrypt", *(word for key in keys for word in ("--recipient", key))]


def _piped(settings: Settings, source: Source, out: IO[bytes]) -> int:
    """Return how many bytes the source's command printed, all of which are encrypted in out."""
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as cried:
        try:
            sealer = subprocess.Popen(age(settings.keys), stdin=subprocess.PIPE, stdout=out, stderr=cried, **_as(settings.account))
        except FileNotFoundError as fault:
            raise StateError("there is no age on this machine: apt install age") from fault
        assert sealer.stdin
        try:
            teller = subprocess.Popen(source.command, stdout=subprocess.PIPE, stderr=told, **_as(source.account))
        except OSError as fault:
            sealer.kill()
            sealer.wait()
            raise StateError(f"{source.name}: {source.command[0]} cannot be run: {fault.strerror}") from fault
        assert teller.stdout
        size = 0
        try:
            while block := teller.stdout.read(_BLOCK):
                sealer.stdin.write(block)
                size += len(block)
            if teller.wait(PATIENCE):
                raise StateError(f"{source.name}: {source.command[0]} failed: {_last(told)}")
            sealer.stdin.close()
            if sealer.wait(PATIENCE):
                raise StateError(_unsealed(source, cried))
        except BrokenPipeError as fault:
            raise StateError(_unsealed(source, cried)) from fault
        except subprocess.TimeoutExpired as fault:
            raise StateError(f"{source.name}: {fault.cmd[0]} has said all and does not end: nothing was kept") from fault
        finally:
            for one in (teller, sealer):
                if one.poll() is None:
                    one.kill()
                    one.wait()
    if not size:
        raise StateError(f"{source.name}: {source.command[0]} printed nothing: nothing was kept")
    return size


def _as(account: str) -> dict[str, Any]:
    """Run as an account, when root asks; without the rights of root that this process still has."""
    if os.geteuid() != 0:
        return {}
    try:
        known = pwd.getpwnam(account)
    except KeyError as fault:
        raise StateError(f"there is no account {account} on this machine") from fault
    return {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}


def _unsealed(source: Source, cried: IO[bytes]) -> str:
    return f"{source.name} could not be encrypted: {_last(cried)}; are cluster_operator_keys public keys of age?"


def _last(said: IO[bytes]) -> str:
    said.seek(0)
    lines = [line.strip() for line in said.read(20000).decode(errors="replace").splitlines() if line.strip()]
    return next((line for line in reversed(lines) if not line.startswith("age: report")), "it did not say why")
