"""Run a command; on failure say which, and what it said last."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from frontdoor.errors import Refused


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    stdin: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = 600,
) -> subprocess.CompletedProcess[str]:
    """Run ``argv`` without a shell and give back its output as text."""
    try:
        done = subprocess.run(
            argv,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            env={**os.environ, **(environment or {})},
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as fault:
        raise Refused(f"The command {argv[0]} is missing on this machine.") from fault
    except subprocess.TimeoutExpired as fault:
        raise Refused(f"{' '.join(argv[:6])} … did not end within {timeout:.0f} seconds.", 1) from fault
    text = subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    if check and text.returncode:
        tail = (text.stderr or text.stdout).strip().splitlines()[-8:]
        raise Refused(f"{' '.join(argv[:8])} … failed with status {text.returncode}:\n  " + "\n  ".join(tail), 1)
    return text
