"""Seal what lies on the control node for the backup machines, and open what they bring back (docs/site_state.md).

``python -m frontdoor.sealed seal inventory/SITE FOLDER KEY...`` and ``... open FILE KEY_FILE OUT``, for playbooks and operators.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, cast

from posthouse import generations
from posthouse.generations import Sheet

from frontdoor.errors import Refused
from frontdoor.secrets import PRIVATE

# The name of what the control node seals, and whose it is.
SITE = "site"


def seal(site: Path, folder: Path, keys: Sequence[str]) -> Sheet:
    """Seal an inventory, keys and all, into a new generation in a folder. An operator's own key is left out.

    Raises Refused; then there is nothing new.
    """
    if not keys:
        raise Refused("cluster_operator_keys names no key, so nothing is sealed: the inventory says who may open it (docs/site_state.md).")
    if not (site / "hosts.yml").exists():
        raise Refused(f"{site} is no inventory: it has no hosts.yml.")
    begun = time.monotonic()
    at = generations.stamp(folder, SITE)
    temporary = folder / f".{SITE}-{at}.new"
    command = ["age", "--encrypt", *(word for key in keys for word in ("--recipient", key))]
    try:
        with temporary.open("xb") as out, tempfile.TemporaryFile() as said:
            try:
                sealer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=said)
            except FileNotFoundError as fault:
                raise Refused("age is not installed: apt install age.") from fault
            assert sealer.stdin
            plain = _Counted(sealer.stdin)
            try:
                with tarfile.open(fileobj=cast(IO[bytes], plain), mode="w|") as tar:
                    tar.add(site, arcname=site.name, filter=_kept)
                sealer.stdin.close()
            except BrokenPipeError:
                pass  # age has said why
            if sealer.wait():
                raise Refused(f"nothing was sealed: {_said(said)}")
        size, summed = generations.digest(temporary)
        took = round(time.monotonic() - begun, 1)
        sheet = Sheet(machine="control", name=SITE, at=at, size=size, sha256=summed, plain=plain.size, seconds=took)
        generations.publish(folder, sheet, temporary, 0o600)
    finally:
        temporary.unlink(missing_ok=True)
    return sheet


class _Counted:
    """Counts what passes into a pipe."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out, self.size = out, 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return self.out.write(data)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out the private keys of operators: what opens the safe does not lie in it."""
    return None if Path(*Path(member.name).parts[1:2]) == Path(PRIVATE).parent else member


def _said(said: IO[bytes]) -> str:
    said.seek(0)
    lines = [line.strip() for line in said.read(20000).decode(errors="replace").splitlines() if line.strip()]
    return next((line for line in lines if "report" not in line), "age did not say why")


def unseal(file: Path, key: Path, out: Path) -> int:
    """Open a generation, whose sheet lies beside it, into a new file; return its size.

    Raises Refused when the file is not what was sealed or the key does not open it; then there is no new file.
    """
    if not key.exists():
        raise Refused(f"there is no key in {key}: say -e operator_key_file= with the private half of one of cluster_operator_keys.")
    sheet = next((one for one in generations.listed(file.parent) if one.file == file.name), None)
    if sheet is None:
        raise Refused(f"{file.name} has no sheet beside it that speaks of it: take another generation (backup state list).")
    if fault := generations.wrong(file, sheet):
        raise Refused(f"{fault}: take another generation (backup state list).")
    partial = out.with_name(f".{out.name}.new")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream, tempfile.TemporaryFile() as said:
            command = ["age", "--decrypt", "--identity", str(key), str(file)]
            if subprocess.run(command, stdout=stream, stderr=said, stdin=subprocess.DEVNULL, check=False).returncode:
                why = _said(said)
                if "no identity matched" in why:
                    raise Refused(f"the key in {key} is not one of those that {file.name} was sealed to; nothing was changed.")
                raise Refused(f"{file.name} cannot be opened with {key}: {why}; nothing was changed.")
        size = partial.stat().st_size
        if size != sheet.plain:
            raise Refused(f"{file.name} holds {size} bytes, not {sheet.plain}: it is not whole; nothing was changed.")
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return size


def main(words: Sequence[str] | None = None) -> int:
    """Seal or open; print the sheet or the size as JSON."""
    parser = argparse.ArgumentParser(prog="python -m frontdoor.sealed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sealing = commands.add_parser("seal", help="seal an inventory into a new generation")
    sealing.add_argument("site", type=Path)
    sealing.add_argument("folder", type=Path)
    sealing.add_argument("keys", nargs="*")
    opening = commands.add_parser("open", help="open a generation whose sheet lies beside it")
    for name in ("file", "key", "out"):
        opening.add_argument(name, type=Path)
    given = parser.parse_args(words)
    try:
        if given.command == "seal":
            print(json.dumps(asdict(seal(given.site, given.folder, given.keys))))
        else:
            print(json.dumps({"size": unseal(given.file, given.key, given.out)}))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
