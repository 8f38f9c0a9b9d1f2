"""Fetching, by the programs that know how: freshclam for what ClamAV signs, fangfrisch for everybody else's."""

from __future__ import annotations

import base64
import binascii
import re
import subprocess
import tempfile
from pathlib import Path

from .settings import Settings

OFFICIAL, EXTRA = "official", "extra"
_PATIENCE = 900.0
_ARMOUR = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)\r?\n(?:=[^\r\n]+\r?\n)?-----END", re.DOTALL)


class FetchError(ValueError):
    """A source could not be fetched or is not what its key signed; the sentence says why."""


def official(settings: Settings) -> None:
    """Let freshclam bring the official databases up to date, in a directory that clamd does not read. Raises FetchError."""
    directory = settings.fetched(OFFICIAL)
    directory.mkdir(parents=True, exist_ok=True)
    _run(["freshclam", f"--config-file={settings.freshclam}", f"--datadir={directory}", "--foreground", "--stdout"])


def extra(settings: Settings) -> None:
    """Let fangfrisch fetch what is due; it compares checksums itself. Raises FetchError."""
    directory = settings.fetched(EXTRA)
    directory.mkdir(parents=True, exist_ok=True)
    program = ["fangfrisch", "--conf", str(settings.fangfrisch)]
    if not (settings.home / "fetched" / "fangfrisch.sqlite").exists():
        _run([*program, "initdb"])
    _run([*program, "refresh"])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired as fault:
        raise FetchError(f"{command[0]} took longer than {_PATIENCE:.0f} s") from fault
    except OSError as fault:
        raise FetchError(f"{command[0]}: {fault}") from fault
    complaints = [line.strip() for line in (done.stdout + done.stderr).splitlines() if re.search(r"\b(ERROR|WARNING|Error|failed)\b", line)]
    if done.returncode:
        worst = [line for line in complaints if "ERROR" in line] or complaints
        raise FetchError(f"{command[0]} ended with status {done.returncode}: {'; '.join(worst[:3]) or 'no reason given'}")
    # fangfrisch says what went wrong with one source, goes on with the next, and ends with 0.
    if complaints and command[0] == "fangfrisch":
        raise FetchError("; ".join(complaints[:5]))


def verify(path: Path, key: Path, patience: float = 60.0) -> None:
    """Check the detached signature that lies beside a file, PATH.sig or PATH.asc, against one public key. Raises FetchError."""
    signature = next((found for ending in (".sig", ".asc") if (found := path.with_name(path.name + ending)).is_file()), None)
    if signature is None:
        raise FetchError("there is no signature beside it (.sig or .asc)")
    try:
        ring = keyring(key.read_bytes())
    except OSError as fault:
        raise FetchError(f"{key}: {fault}") from fault
    with tempfile.TemporaryDirectory(prefix="signatures-") as folder:
        (Path(folder) / "key.gpg").write_bytes(ring)
        command = ["gpgv", "--homedir", folder, "--keyring", f"{folder}/key.gpg", str(signature), str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=patience, check=False)
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise FetchError(f"gpgv: {fault}") from fault
    if done.returncode:
        raise FetchError(
            f"its signature is not the key's: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'gpgv failed'}"
        )


def keyring(key: bytes) -> bytes:
    """Return a public key as gpgv reads it: binary (RFC 9580, 6.2 says how armour is made). Raises FetchError."""
    if not key.lstrip().startswith(b"-----BEGIN"):
        return key
    blocks = _ARMOUR.findall(key.strip() + b"\n")
    if not blocks:
        raise FetchError("the public key is no ASCII armour that can be read")
    try:
        return b"".join(base64.b64decode(re.sub(rb"\s", b"", block), validate=True) for block in blocks)
    except binascii.Error as fault:
        raise FetchError(f"the public key's armour is damaged: {fault}") from fault
