"""Which Pythons this machine has beside the one that runs: requirements.txt pins one ansible-core below 3.12 and one from there on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLD_LINE, NEW_LINE = ((3, 11),), ((3, 14), (3, 13), (3, 12))


def _others() -> tuple[tuple[int, int], ...]:
    return OLD_LINE if sys.version_info[:2] >= NEW_LINE[-1] else NEW_LINE


def missing() -> str:
    """The versions of the other line, in words."""
    return " or ".join(f"{major}.{minor}" for major, minor in _others())


def _places() -> Iterator[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for major, minor in _others():
        if found := shutil.which(f"python{major}.{minor}"):
            yield found
        yield from map(str, sorted(pyenv.glob(f"versions/{major}.{minor}.*/bin/python")))


def other_line() -> str:
    """A Python that gets the other ansible-core, or nothing; asked whether it really runs, for a shim of pyenv may not."""
    for place in _places():
        done = subprocess.run([place, "-c", "import ssl, ctypes, sys; print(sys.executable)"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
    return ""
