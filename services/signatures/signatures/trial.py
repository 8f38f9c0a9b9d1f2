"""The test that every database passes before it is used: it loads, it lets clean mail be clean, and the probe is still seen."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from . import databases, references


class TrialError(ValueError):
    """A database is not fit for use; the sentence says why."""


def run(directory: Path, clean: Path | None, patience: float) -> None:
    """Test a directory of databases that holds ours among them. Raises TrialError.

    clean: a directory of further mails in which nothing may be found. patience: seconds.
    """
    with tempfile.TemporaryDirectory(prefix="signatures-") as folder:
        mails = references.write(Path(folder))
        probe = Path(folder) / "probe.eml"
        probe.write_bytes(b"Subject: probe\n\n" + databases.PROBE + b"\n")
        mails += sorted(path for path in clean.iterdir() if path.is_file()) if clean and clean.is_dir() else []
        command = ["clamscan", f"--database={directory}", "--no-summary", "--stdout", str(probe), *map(str, mails)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=patience, check=False)
        except subprocess.TimeoutExpired as fault:
            raise TrialError(f"the test took longer than {patience:.0f} s") from fault
        except OSError as fault:
            raise TrialError(f"clamscan: {fault}") from fault
    judge(done.returncode, done.stdout + done.stderr, str(probe))


def judge(status: int, output: str, probe: str) -> None:
    """Say what clamscan's status and lines mean. Raises TrialError.

    Status 0 is nothing found, 1 something found, 2 an error (man clamscan, RETURN CODES).
    """
    complaints = [line.partition("Error: ")[2] for line in output.splitlines() if line.startswith("LibClamAV Error: ")]
    # A file of YARA rules that cannot be read is an error which does not change the status.
    if status not in (0, 1) or complaints:
        raise TrialError("; ".join(complaints[:2]) or f"clamscan ended with status {status}: {output.strip()[-200:]}")
    found = dict(line.removesuffix(" FOUND").rsplit(": ", 1) for line in output.splitlines() if line.endswith(" FOUND"))
    if found.pop(probe, None) is None:
        raise TrialError("the probe is not seen any more")
    if found:
        path, name = next(iter(found.items()))
        raise TrialError(f"a clean mail is called infected: {name} in {Path(path).name}")


def alone(path: Path, clean: Path | None, patience: float, least: int = 1) -> int:
    """Test one database beside ours only and return how many signatures it has. Raises TrialError.

    least: with fewer signatures it is not believed, because the one in use has so many.
    """
    if path.suffix not in databases.ENDINGS:
        raise TrialError("ClamAV reads no file with this ending")
    signatures = databases.count(path)
    if signatures == 0:
        raise TrialError("it is empty")
    if signatures < least:
        raise TrialError(f"it has {signatures} signatures, {least} were expected at least: update --accept-loss if that is right")
    with tempfile.TemporaryDirectory(prefix="signatures-") as folder:
        (Path(folder) / databases.OURS).write_text(databases.ours("trial"), encoding="ascii")
        (Path(folder) / path.name).symlink_to(path)
        run(Path(folder), clean, patience)
    return signatures
